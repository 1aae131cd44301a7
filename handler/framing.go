package handler

import (
	"bytes"
	"errors"
	"strings"

	"github.com/cloudwego/hertz/pkg/protocol"
)

// errFraming is how a request fails whose end two servers may see at different places:
// what one takes for its body is another request to the other.
var errFraming = errors.New("request does not tell clearly where it ends: want one Content-Length, or Transfer-Encoding chunked")

// errHosts is how a request fails that two servers may take to be for different hosts.
var errHosts = errors.New("request names more than one host: want one Host header")

// checkFraming refuses what Hertz takes one way and a server in front of us may take
// another (RFC 9112, sections 3.2 and 6.3).
func checkFraming(header *protocol.RequestHeader) error {
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
