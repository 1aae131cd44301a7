package access

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Key is an API key of a client. The key itself is not kept, so that no key can be printed.
type Key struct {
	// Name names the client in the log; it may be empty, and several keys may share a name.
	Name string

	// Hash is the SHA-256 hash of the key.
	Hash [sha256.Size]byte
}

// minKey is the minimum length of a key in bytes. Keys should be random.
const minKey = 16

// hashPrefix precedes a hash in place of a key.
const hashPrefix = "sha256:"

// namePattern matches valid names of keys.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9._@-]{1,64}$`)

// ParseKeys parses entries, each a key, or the SHA-256 hash of a key in the form
// "sha256:HEX", with a name and white space in front or without. A key has one name. Errors
// contain neither keys nor names.
func ParseKeys(entries []string) ([]Key, error) {
	var keys []Key
	numbers := map[[sha256.Size]byte]int{} // by hash, as in errors
	for i, entry := range entries {
		key, err := parseKey(entry)
		if err != nil {
			return nil, fmt.Errorf("key %d %w", i+1, err)
		}
		if first, repeated := numbers[key.Hash]; repeated && keys[first-1].Name != key.Name {
			return nil, fmt.Errorf("key %d repeats key %d with another name", i+1, first)
		}
		numbers[key.Hash] = i + 1
		keys = append(keys, key)
	}
	return keys, nil
}

func parseKey(entry string) (key Key, err error) {
	fields := strings.Fields(entry)
	if len(fields) == 2 {
		if key.Name = fields[0]; !namePattern.MatchString(key.Name) {
			return Key{}, errors.New("has an invalid name: want at most 64 letters, digits, dots, dashes, underscores and @")
		}
		fields = fields[1:]
	}
	text := strings.Join(fields, " ")
	isHash := len(text) >= len(hashPrefix) && strings.EqualFold(text[:len(hashPrefix)], hashPrefix)
	switch {
	case isHash:
		hash, err := hex.DecodeString(text[len(hashPrefix):])
		if err != nil || len(hash) != sha256.Size {
			return Key{}, fmt.Errorf("has an invalid hash: want 64 hexadecimal digits after %s", hashPrefix)
		}
		key.Hash = [sha256.Size]byte(hash)
		return key, nil
	case len(text) < minKey:
		return Key{}, fmt.Errorf("is shorter than %d bytes", minKey)
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return Key{}, errors.New("contains a character that is not allowed in a header")
	}
	key.Hash = sha256.Sum256([]byte(text))
	return key, nil
}
