package streams

import (
	"encoding/base64"
	"encoding/binary"
	"testing"
)

// No token opens a stream without a key, such as one from an earlier version.
func TestLinkWithoutKey(t *testing.T) {
	claim := binary.BigEndian.AppendUint64([]byte{byte(MayStop)}, 1<<40)
	for _, key := range [][]byte{nil, make([]byte, linkKeyBytes)} {
		l := Lookup{Link: base64.RawURLEncoding.EncodeToString(append(claim, sign(key, claim)...)), Right: MayRead}
		if l.admits(nil, nil) {
			t.Errorf("a token signed by %v opens the stream", key)
		}
	}
}
