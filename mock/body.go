package mock

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
)

// maxBodyBytes bounds the body of a request.
const maxBodyBytes = 64 << 20

var (
	errBodyTooLarge = fmt.Errorf("the request body has more than %d bytes", maxBodyBytes)
	errNoMultipart  = errors.New("the body is not multipart/form-data")
	errNoFile       = errors.New("the field file is required")
)

// Upload is an uploaded file, without the content.
type Upload struct {
	Name  string
	Bytes int64
	Err   error // of an invalid upload
}

// readBody reads the body of a request to its end.
func (s *StandIn) readBody(r *Request, body io.Reader) error {
	clean := cleanPath(r.Path)
	if s.dialect(clean).IsUpload(clean) {
		r.Upload = MeasureUpload(r.Header.Get("Content-Type"), body)
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

// MeasureUpload reads a multipart body to its end and describes the part named file.
func MeasureUpload(contentType string, body io.Reader) *Upload {
	defer func() { _, _ = io.Copy(io.Discard, body) }() // reads the other parts
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return &Upload{Err: errNoMultipart}
	}
	upload, err := findFile(multipart.NewReader(body, params["boundary"]))
	if err != nil {
		upload.Err = fmt.Errorf("cannot read the upload: %w", err)
	}
	return upload
}

func findFile(parts *multipart.Reader) (*Upload, error) {
	for {
		part, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return &Upload{Err: errNoFile}, nil
		case err != nil:
			return &Upload{}, err
		case part.FormName() == "file":
			n, err := io.Copy(io.Discard, part)
			return &Upload{Name: part.FileName(), Bytes: n}, err
		}
	}
}
