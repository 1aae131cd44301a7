package access

import (
	"crypto/sha256"
	"testing"

	"github.com/cloudwego/hertz/pkg/app"
)

// A request is authenticated by any of the keys, and has the name of its key.
func TestKeyNames(t *testing.T) {
	keys, err := ParseKeys([]string{"alice 0123456789abcdef", "aaaaaaaaaaaaaaaaaaaa", "bob sha256:84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, key string
		want      string
		valid     bool
	}{
		{"first", "0123456789abcdef", "alice", true},
		{"without a name", "aaaaaaaaaaaaaaaaaaaa", "", true},
		{"hashed", "0123456789", "bob", true},
		{"hash in place of the key", "sha256:84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882", "", false},
		{"with its name", "alice 0123456789abcdef", "", false},
		{"wrong", "0123456789abcdeg", "", false},
		{"none", "", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &Policy{Keys: keys}
			c := app.NewContext(0)
			c.Request.Header.Set("Authorization", "Bearer "+test.key)
			if name, valid := p.KeyName(c), p.Authenticate(c); name != test.want || valid != test.valid {
				t.Errorf("got %q and %t, want %q and %t", name, valid, test.want, test.valid)
			}
		})
	}
	if got := sha256.Sum256([]byte("0123456789")); got != keys[2].Hash {
		t.Errorf("the hash of the test is %x", got)
	}
	if name := (&Policy{}).KeyName(app.NewContext(0)); name != "" {
		t.Errorf("got the name %q without keys", name)
	}
}
