package mock

import (
	"io"
	"testing"
)

// anyDialect has every path and no uploads.
type anyDialect struct{}

func (anyDialect) Matches(string) bool    { return true }
func (anyDialect) IsUpload(string) bool   { return false }
func (anyDialect) Answer(*Call) Reply     { return Reply{} }
func (anyDialect) RefuseBody(error) Reply { return Reply{} }

// endless is a body of any size.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestHugeBodyIsRefused(t *testing.T) {
	var r Request
	err := New(1, anyDialect{}).readBody(&r, io.LimitReader(endless{}, maxBodyBytes+1))
	if err == nil || r.Body != nil {
		t.Errorf("got error %v and %d bytes", err, len(r.Body))
	}
}
