package mock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"strconv"
)

// maxBodyBytes bounds the body of a request that is held in memory.
const maxBodyBytes = 64 << 20

var (
	errBodyTooLarge = fmt.Errorf("the request body has more than %d bytes", maxBodyBytes)
	errNoMultipart  = errors.New("the body is not multipart/form-data")
	errNoFile       = errors.New("the field file is required")
)

// uploadPath takes files of any size: see receive.
const uploadPath = "/v1/files/upload"

// upload is what came with an upload. The content itself is not kept.
type upload struct {
	name  string
	bytes int64
	err   error // why it is none
}

// receive reads the body of a request to its end. That of an upload is measured
// as it passes, all others are held.
func (r *Request) receive(body io.Reader) error {
	if path.Clean("/"+r.Path) == uploadPath {
		r.upload = measure(r.Header.Get("Content-Type"), body)
		return nil
	}
	content, err := io.ReadAll(io.LimitReader(body, maxBodyBytes+1))
	switch {
	case err != nil:
		return fmt.Errorf("cannot read the request body: %w", err)
	case len(content) > maxBodyBytes:
		return errBodyTooLarge
	}
	r.Body = content
	return nil
}

// measure reads a multipart body and tells of the part named file.
func measure(contentType string, body io.Reader) *upload {
	defer func() { _, _ = io.Copy(io.Discard, body) }() // what follows the part
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return &upload{err: errNoMultipart}
	}
	up, err := findFile(multipart.NewReader(body, params["boundary"]))
	if err != nil {
		up.err = fmt.Errorf("cannot read the upload: %w", err)
	}
	return up
}

func findFile(parts *multipart.Reader) (*upload, error) {
	for {
		part, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return &upload{err: errNoFile}, nil
		case err != nil:
			return &upload{}, err
		case part.FormName() == "file":
			n, err := io.Copy(io.Discard, part)
			return &upload{name: part.FileName(), bytes: n}, err
		}
	}
}

// uploadFile serves POST /v1/files/upload.
func (c *call) uploadFile() Reply {
	up := c.upload
	if up == nil {
		up = measure(c.Header.Get("Content-Type"), bytes.NewReader(c.Body))
	}
	if up.err != nil {
		return c.refuse(http.StatusOK, codeBadRequest, up.err.Error())
	}
	return c.deliver(struct {
		ID        string `json:"id"`
		Bytes     int64  `json:"bytes"`
		FileName  string `json:"file_name"`
		CreatedAt int64  `json:"created_at"`
	}{newID(c.rng), up.bytes, up.name, c.now.Unix()})
}

// filling is what long downloads are made of. Replies share it.
var filling = bytes.Repeat([]byte("0123456789abcde\n"), 4<<10)

// content serves GET /v1/files/content: as many bytes as the query's bytes says,
// with no length told before. The real service has no such path; it is there for
// downloads that are too long to be held.
func (c *call) content() Reply {
	const most = 4 << 30
	left, err := strconv.ParseInt(c.param("bytes"), 10, 64)
	if err != nil || left < 0 || left > most {
		return c.refuse(http.StatusOK, codeBadRequest, fmt.Sprintf("bytes must be a number from 0 to %d", most))
	}
	var out []Step
	for ; left > 0; left -= int64(len(filling)) {
		out = append(out, Step{Bytes: filling[:min(left, int64(len(filling)))]})
	}
	return Reply{
		Status: http.StatusOK,
		Header: http.Header{"Content-Type": {typeFile}},
		Steps:  out,
	}
}
