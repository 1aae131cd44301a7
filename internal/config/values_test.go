package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	oneKey   = "KEYKEYKEYKEYKEY1"
	otherKey = "KEYKEYKEYKEYKEY2"
)

// keyFile writes a file of keys and returns the setting that names it.
func keyFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "@" + name
}

// Keys are read from a list or a file. Neither the configuration nor an error prints one.
func TestAPIKeys(t *testing.T) {
	for _, test := range []struct {
		name, value string
		want        []string
		err         string // empty: none
	}{
		{"one", oneKey, []string{oneKey}, ""},
		{"two", oneKey + ", " + otherKey, []string{oneKey, otherKey}, ""},
		{"file", keyFile(t, "# of the app\n"+oneKey+"\r\n\n  \n"+otherKey), []string{oneKey, otherKey}, ""},
		{"file with a byte order mark", keyFile(t, "\ufeffalice "+oneKey+"\n"), []string{oneKey}, ""},
		{"shortest", oneKey[:16], []string{oneKey}, ""},
		{"too short", oneKey + "," + otherKey[1:], nil, "key 2 is shorter than 16 bytes"},
		{"too short in a file", keyFile(t, "#\n"+oneKey+"\nKEY\n"), nil, "key 2 is shorter than 16 bytes"},
		{"none", "", nil, "key 1 is shorter than 16 bytes"},
		{"a comma too many", oneKey + ",", nil, "key 2 is shorter than 16 bytes"},
		{"names", "alice " + oneKey + ",bob@example.com \t" + otherKey, []string{oneKey, otherKey}, ""},
		{"hash", "bob sha256:" + hashOf(otherKey) + "," + "sha256:" + strings.ToUpper(hashOf(oneKey)), []string{otherKey, oneKey}, ""},
		{"names in a file", keyFile(t, "# of the app\nalice "+oneKey+"\n  bob\t"+otherKey+" \n"), []string{oneKey, otherKey}, ""},
		{"a key twice", "alice " + oneKey + ",alice " + oneKey, []string{oneKey, oneKey}, ""},
		{"a key with two names", "alice " + oneKey + ",bob sha256:" + hashOf(oneKey), nil, "key 2 repeats key 1 with another name"},
		{"upper-case hash", "SHA256:KEYKEY", nil, "key 1 has an invalid hash: want 64 hexadecimal digits after sha256:"},
		{"short hash", "sha256:KEYKEY", nil, "key 1 has an invalid hash: want 64 hexadecimal digits after sha256:"},
		{"bad name", "KEYKEY/KEYKEY " + oneKey, nil, "key 1 has an invalid name"},
		{"a short key with a name", "alice KEYKEY", nil, "key 1 is shorter than 16 bytes"},
		{"a space inside", "KEYKEY KEYKEY KEYKEY", nil, "key 1 contains a character"},
		{"not ASCII", "KEYKEYKEYKEYKEY你", nil, "key 1 contains a character"},
		{"empty file", keyFile(t, "# none\n\n"), nil, "no keys in "},
		{"no file", "@/nowhere", nil, "/nowhere"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := parse("--api-keys=" + test.value)
			if test.err != "" {
				checkError(t, err, "--api-keys", test.err)
				if err != nil && strings.Contains(err.Error(), "KEYKEY") {
					t.Errorf("the error holds a key: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(c.APIKeys.List) != len(test.want) {
				t.Fatalf("got %d keys, want %d", len(c.APIKeys.List), len(test.want))
			}
			for i, key := range test.want {
				if c.APIKeys.List[i].Hash != sha256.Sum256([]byte(key)) {
					t.Errorf("key %d is another", i+1)
				}
			}
			if shown := fmt.Sprintf("%v %+v %#v %s", *c, *c, *c, c.APIKeys); strings.Contains(shown, "KEYKEY") {
				t.Errorf("a key is shown: %s", shown)
			}
		})
	}
}

// hashOf returns the SHA-256 hash of a key as hexadecimal digits.
func hashOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// Each key has the name in front of it.
func TestNamesOfKeys(t *testing.T) {
	c, err := parse("--api-keys=alice " + oneKey + "," + otherKey)
	if err != nil {
		t.Fatal(err)
	}
	if keys := c.APIKeys.List; keys[0].Name != "alice" || keys[1].Name != "" {
		t.Errorf("got the names %q and %q", keys[0].Name, keys[1].Name)
	}
}

func TestOriginsAndNetworks(t *testing.T) {
	c, err := parse("--cors-origins=*", "--trusted-proxies=::ffff:10.0.0.1,2001:db8::/32")
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.CORSOrigins, c.TrustedProxies); got != "[*] [10.0.0.1/32 2001:db8::/32]" {
		t.Errorf("got %s", got)
	}
	_, err = parse("--cors-origins=https://a.example,*")
	checkError(t, err, "--cors-origins", "*")
	_, err = parse("--cors-origins=https://a.example,b.example")
	checkError(t, err, "--cors-origins", `"b.example"`)
}

// An upstream token that anyone on the network could use is an error.
func TestTokenForAnyone(t *testing.T) {
	const token = "--upstream-token=SECRET"
	for _, test := range []struct {
		name string
		args []string
		ok   bool
	}{
		{"no token", []string{"--addr=:1"}, true},
		{"every address", []string{"--addr=:1", token}, false},
		{"every address of IPv4", []string{"--addr=0.0.0.0:1", token}, false},
		{"every address of IPv6", []string{"--addr=[::]:1", token}, false},
		{"an address", []string{"--addr=192.0.2.1:1", token}, false},
		{"a name", []string{"--addr=example.com:1", token}, false},
		{"default", []string{token}, true},
		{"another loopback", []string{"--addr=127.1.2.3:1", token}, true},
		{"loopback of IPv6", []string{"--addr=[::1]:1", token}, true},
		{"mapped loopback", []string{"--addr=[::ffff:127.0.0.1]:1", token}, true},
		{"localhost", []string{"--addr=localhost:1", token}, true},
		{"keys", []string{"--addr=:1", token, "--api-keys=" + oneKey}, true},
		{"wanted", []string{"--addr=:1", token, "--allow-anonymous"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parse(test.args...)
			if test.ok {
				if err != nil {
					t.Error(err)
				}
				return
			}
			checkError(t, err, "--upstream-token", "--addr", "--api-keys", "127.0.0.1", "--allow-anonymous")
			if err != nil && strings.Contains(err.Error(), "SECRET") {
				t.Errorf("the error holds the token: %v", err)
			}
		})
	}
}

func TestSizes(t *testing.T) {
	for _, test := range []struct {
		text string
		want int // 0: an error
	}{
		{"1", 1},
		{"1000", 1000},
		{"4KiB", 4 << 10},
		{"256MiB", 256 << 20},
		{"2GiB", 2 << 30},
		{"1 MiB", 1 << 20},
		{"1024GiB", 1 << 40},
		{"1099511627776", 1 << 40},

		{"", 0},
		{"0", 0},
		{"0MiB", 0},
		{"-1", 0},
		{"-1KiB", 0},
		{"1.5GiB", 0},
		{"1025GiB", 0},
		{"1099511627777", 0},
		{"9223372036854775807GiB", 0},
		{"99999999999999999999", 0},
		{"MiB", 0},
		{"1MB", 0},
		{"1mib", 0},
		{"1KiBMiB", 0},
		{"1e3", 0},
		{"0x10", 0},
		{"many", 0},
	} {
		var s size
		err := s.UnmarshalText([]byte(test.text))
		if test.want == 0 {
			checkError(t, err, test.text, "256MiB")
		} else if err != nil || int(s) != test.want {
			t.Errorf("%q: got %d, %v; want %d", test.text, s, err, test.want)
		}
	}
}
