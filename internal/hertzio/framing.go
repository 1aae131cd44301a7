package hertzio

import (
	"bytes"
	"errors"
	"strings"

	"github.com/cloudwego/hertz/pkg/protocol"
)

var (
	// errFraming reports a request whose end two servers may place differently: the body
	// for the first is another request for the second (request smuggling).
	errFraming = errors.New("request length is ambiguous: want one Content-Length, or Transfer-Encoding chunked")

	// errHosts reports a request with more than one route for two servers.
	errHosts = errors.New("request names more than one host: want one Host header")
)

// CheckFraming returns an error for a request header with two interpretations: Hertz
// accepts the header, and a server in front may understand another request (RFC 9112,
// sections 3.2 and 6.3).
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
