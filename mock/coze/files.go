package coze

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"

	"sse-typewriter/mock"
)

// uploadPath is the path of uploads, of any size.
const uploadPath = "/v1/files/upload"

// uploadFile serves POST /v1/files/upload.
func (c *call) uploadFile() mock.Reply {
	up := c.Upload
	if up == nil {
		up = mock.MeasureUpload(c.Header.Get("Content-Type"), bytes.NewReader(c.Body))
	}
	if up.Err != nil {
		return c.refuse(http.StatusOK, codeBadRequest, up.Err.Error())
	}
	return c.deliver(struct {
		ID        string `json:"id"`
		Bytes     int64  `json:"bytes"`
		FileName  string `json:"file_name"`
		CreatedAt int64  `json:"created_at"`
	}{newID(c.Rand), up.Bytes, up.Name, c.Now.Unix()})
}

// filling is the content of long downloads, shared by all replies.
var filling = bytes.Repeat([]byte("0123456789abcde\n"), 4<<10)

// content serves GET /v1/files/content: as many bytes as the parameter bytes demands, without
// a Content-Length. The path is for tests of long downloads; the real service lacks it.
func (c *call) content() mock.Reply {
	const most = 4 << 30
	left, err := strconv.ParseInt(c.Query.Get("bytes"), 10, 64)
	if err != nil || left < 0 || left > most {
		return c.refuse(http.StatusOK, codeBadRequest, fmt.Sprintf("bytes must be a number from 0 to %d", most))
	}
	var out []mock.Step
	for ; left > 0; left -= int64(len(filling)) {
		out = append(out, mock.Step{Bytes: filling[:min(left, int64(len(filling)))]})
	}
	return mock.Reply{
		Status:  http.StatusOK,
		Header:  http.Header{"Content-Type": {typeFile}},
		Steps:   out,
		Chunked: true,
	}
}
