package streams

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// Right is the right that a link gives.
type Right byte

// The rights. A link to stop a stream also reads the stream.
const (
	MayRead Right = 1
	MayStop Right = 2
)

// A token of a link is the base64 of the right, the end of the validity in Unix seconds, and
// a signature of both under the stream's own key.
const (
	linkKeyBytes   = sha256.Size
	linkClaimBytes = 1 + 8
	linkBytes      = linkClaimBytes + sha256.Size
)

// newLinkKey returns a key to sign links of one stream.
func newLinkKey() []byte {
	key := make([]byte, linkKeyBytes)
	_, _ = rand.Read(key) // never fails
	return key
}

// Link returns the token of a link to the stream, valid before a time in whole seconds. The
// result is empty for a stream without links: one that is not resumable, was stopped, or was
// stored by an earlier version of the program.
func (s *Stream) Link(right Right, expires time.Time) string {
	if !s.resumable || len(s.linkKey) != linkKeyBytes || s.isRevoked() {
		return ""
	}
	claim := binary.BigEndian.AppendUint64([]byte{byte(right)}, uint64(expires.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(claim, sign(s.linkKey, claim)...))
}

func sign(key, claim []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(claim)
	return mac.Sum(nil)
}

// admits reports whether the client may use a stream with the hash of an owner and a key of
// links. The time does not depend on the hash, the key, or the fault of a token.
func (l *Lookup) admits(ownerHash, linkKey []byte) bool {
	if l.Right == 0 {
		return subtle.ConstantTimeCompare(ownerHash, hashOwner(l.ID, l.Owner)) == 1
	}
	token, err := base64.RawURLEncoding.Strict().DecodeString(l.Link)
	isToken := err == nil && len(token) == linkBytes
	if !isToken {
		token = make([]byte, linkBytes)
	}
	hasKey := len(linkKey) == linkKeyBytes
	if !hasKey {
		linkKey = make([]byte, linkKeyBytes)
	}
	claim, signature := token[:linkClaimBytes], token[linkClaimBytes:]
	isSigned := subtle.ConstantTimeCompare(sign(linkKey, claim), signature) == 1
	expires := binary.BigEndian.Uint64(claim[1:])
	isValid := uint64(time.Now().Unix()) < expires
	isEnough := Right(claim[0]) >= l.Right
	return !slices.Contains([]bool{isToken, hasKey, isSigned, isValid, isEnough}, false)
}

// revoke makes the stream refuse all links, at all replicas.
func (s *Stream) revoke(ctx context.Context) {
	s.setRevoked()
	_ = s.send(ctx, CommandRevoke) // other replicas refuse links while the store is lost
}

func (s *Stream) setRevoked() {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	s.revoked = true
}

func (s *Stream) isRevoked() bool {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	return s.revoked
}

// checkLink returns an error for a client with a link if the links of the stream are revoked,
// or if the store cannot tell.
func (s *Stream) checkLink(l Lookup, stored error) error {
	switch {
	case l.Right == 0:
		return nil
	case s.isRevoked():
		return ErrGone
	case s.LocalOnly:
		return nil
	case stored == nil || errors.Is(stored, ErrGone):
		return stored
	default:
		return ErrUnavailable
	}
}
