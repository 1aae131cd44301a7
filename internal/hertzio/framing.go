package hertzio

import (
	"bytes"
	"errors"
	"strings"

	"github.com/cloudwego/hertz/pkg/protocol"
)

var (
	// errFraming reports a request whose end two servers may place differently: the body
	// for one of them is another request for the other (request smuggling).
	errFraming = errors.New("request length is ambiguous: want one Content-Length, or Transfer-Encoding chunked")

	// errHosts reports a request that two servers may route to different hosts.
	errHosts = errors.New("request names more than one host: want one Host header")
)

// CheckFraming returns an error for a request header that Hertz accepts and that a
// server in front may interpret differently (RFC 9112, sections 3.2 and 6.3).
func CheckFraming(header *protocol.RequestHeader) error {
	hosts, lengths, encodings := 0, 0, 0
	for line := range bytes.Lines(header.RawHeaders()) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch strings.ToLower(string(name)) {
		case "host":
			hosts++
		case "content-length":
			lengths++
		case "transfer-encoding":
			encodings++
			if !strings.EqualFold(string(bytes.TrimSpace(value)), "chunked") || !header.IsHTTP11() {
				return errFraming
			}
		}
	}
	switch {
	case lengths+encodings > 1:
		return errFraming
	case hosts > 1:
		return errHosts
	default:
		return nil
	}
}
