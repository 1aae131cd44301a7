package coze

import (
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"sse-typewriter/mock"

	"github.com/tidwall/gjson"
)

// form is an upload that is written while it is read, in chunks, so that a large one
// needs no memory.
func form(t *testing.T, field, name string, size int64) (contentType string, body io.Reader) {
	t.Helper()
	out, in := io.Pipe()
	w := multipart.NewWriter(in)
	go func() { // ends with the form, or when the reader is closed
		_ = w.WriteField("purpose", "test")
		part, err := w.CreateFormFile(field, name)
		if err == nil {
			_, err = io.CopyN(part, endless{}, size)
		}
		if err == nil {
			_ = w.WriteField("after", "the file")
			err = w.Close()
		}
		in.CloseWithError(err)
	}()
	t.Cleanup(func() { _ = out.Close() })
	return w.FormDataContentType(), out
}

// endless is a file of any size.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// probe looks how much memory is held in the middle of a body, in bytes.
type probe struct {
	io.Reader
	left int64 // to the middle
	base int64
	held int64
}

func newProbe(body io.Reader, size int64) *probe {
	return &probe{Reader: body, left: size / 2, base: heap()}
}

func (p *probe) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if before := p.left; before > 0 {
		if p.left -= int64(n); p.left <= 0 {
			p.held = heap() - p.base
		}
	}
	return n, err
}

func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// check fails the test if a part of the body is held that would be too much for a
// body of many gigabytes.
func (p *probe) check(t *testing.T) {
	t.Helper()
	const few = 8 << 20
	if p.left > 0 || p.held > few {
		t.Errorf("%d bytes are held in the middle (%d bytes before it)", p.held, p.left)
	}
}

func TestUpload(t *testing.T) {
	tests := []struct {
		name, field, file string
		size              int64
		code              int64
		msg               string
	}{
		{"small", "file", "秋天 1.txt", 7, 0, ""},
		{"empty", "file", "none", 0, 0, ""},
		{"large", "file", "a.bin", 64 << 20, 0, ""},
		{"another field", "picture", "a.bin", 7, codeBadRequest, "the field file is required"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			contentType, body := form(t, test.field, test.file, test.size)
			p := newProbe(body, test.size)
			got := send(t, newStandIn(1), contentType, p)
			if got.Get("code").Int() != test.code || got.Get("msg").Str != test.msg {
				t.Fatalf("got %s", got.Raw)
			}
			if data := got.Get("data"); test.code == 0 && (data.Get("bytes").Int() != test.size || data.Get("file_name").Str != test.file ||
				len(data.Get("id").Str) != 19 || data.Get("created_at").Int() == 0) {
				t.Errorf("got %s", got.Raw)
			}
			p.check(t)
			if rest, err := io.ReadAll(p); len(rest) > 0 || err != nil {
				t.Errorf("%q is left, error %v", rest, err)
			}
		})
	}
}

// send sends a form and returns the reply.
func send(t *testing.T, s *mock.StandIn, contentType string, body io.Reader) gjson.Result {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://stand-in/upstream//v1/files/upload", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	res, err := s.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	return gjson.ParseBytes(record(res).raw)
}

func TestUploadThatIsNone(t *testing.T) {
	const head = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
	tests := []struct{ name, contentType, body, msg string }{
		{"JSON", "application/json", "{}", "not multipart/form-data"},
		{"no type", "", "{}", "not multipart/form-data"},
		{"no parts", "multipart/form-data; boundary=x", "--x--\r\n", "the field file is required"},
		{"cut off", "multipart/form-data; boundary=x", head + "abc", "unexpected EOF"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := send(t, newStandIn(1), test.contentType, strings.NewReader(test.body))
			if got.Get("code").Int() != codeBadRequest || !strings.Contains(got.Get("msg").Str, test.msg) {
				t.Errorf("got %s", got.Raw)
			}
		})
	}
}

// TestUploadInBody checks an upload whose body was read before Answer.
func TestUploadInBody(t *testing.T) {
	contentType, body := form(t, "file", "a", 9)
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	reply := newStandIn(1).Answer(mock.Request{Method: http.MethodPost, Path: uploadPath, Header: http.Header{"Content-Type": {contentType}}, Body: content})
	if got := gjson.GetBytes(reply.Body(), "data.bytes").Int(); got != 9 {
		t.Errorf("%d bytes, want 9", got)
	}
}

func TestContent(t *testing.T) {
	for _, size := range []int64{0, 1, 64 << 10, 200_000_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				res := client{t, newStandIn(1)}.do(t.Context(), http.MethodGet, fmt.Sprint("/v1/files/content?bytes=", size), "")
				defer func() { _ = res.Body.Close() }()
				if res.ContentLength != -1 || res.StatusCode != http.StatusOK {
					t.Errorf("status %d, length %d", res.StatusCode, res.ContentLength)
				}
				p := newProbe(res.Body, size)
				if got, err := io.Copy(io.Discard, p); got != size || err != nil {
					t.Errorf("got %d bytes, error %v", got, err)
				}
				p.check(t)
			})
		})
	}
}

func TestContentRefusals(t *testing.T) {
	for _, bytes := range []string{"", "x", "-1", "99999999999"} {
		got := client{t, newStandIn(1)}.json(http.MethodGet, "/v1/files/content?bytes="+bytes, "")
		if got.Get("code").Int() != codeBadRequest {
			t.Errorf("%q: got %s", bytes, got.Raw)
		}
	}
}
