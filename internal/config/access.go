package config

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"sse-typewriter/internal/limits"
)

// Keys are the hashes of the keys that clients must have; the keys themselves are not
// kept, so that none can be printed.
type Keys [][sha256.Size]byte

// minKey is the length of the shortest key, in bytes: a key is to be drawn, not thought
// of.
const minKey = 16

// UnmarshalText implements [encoding.TextUnmarshaler]: keys with commas between them, or
// @ and a file's name. The error names no key.
func (k *Keys) UnmarshalText(text []byte) error {
	keys := strings.Split(string(text), ",")
	if name, isFile := strings.CutPrefix(string(text), "@"); isFile {
		data, err := os.ReadFile(name) //nolint:gosec // the operator names it
		if err != nil {
			return err
		}
		keys = nil
		for line := range bytes.Lines(data) {
			if line := strings.TrimSpace(string(line)); line != "" && !strings.HasPrefix(line, "#") {
				keys = append(keys, line)
			}
		}
		if len(keys) == 0 {
			return fmt.Errorf("there is no key in %s", name)
		}
	}
	*k = nil
	for i, key := range keys {
		key = strings.TrimSpace(key)
		switch {
		case len(key) < minKey:
			return fmt.Errorf("key %d is shorter than %d bytes", i+1, minKey)
		case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
			return fmt.Errorf("key %d has a character that no header may hold", i+1)
		}
		*k = append(*k, sha256.Sum256([]byte(key)))
	}
	return nil
}

// Origins are those of pages that may use the server, as Origin headers hold them, or *
// alone.
type Origins []string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (o *Origins) UnmarshalText(text []byte) error {
	*o = nil
	for origin := range strings.SplitSeq(string(text), ",") {
		origin = strings.TrimSpace(origin)
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || u.Host == "" || origin != strings.ToLower(u.Scheme+"://"+u.Host)) {
			return fmt.Errorf("%q is not an origin like https://example.com or http://localhost:3000, in lower case and without a path", origin)
		}
		*o = append(*o, origin)
	}
	if len(*o) > 1 && strings.Contains(string(text), "*") {
		return errors.New("* stands for all origins: want no other with it")
	}
	return nil
}

// Networks are addresses, or ranges of them.
type Networks []netip.Prefix

// UnmarshalText implements [encoding.TextUnmarshaler].
func (n *Networks) UnmarshalText(text []byte) error {
	*n = nil
	for one := range strings.SplitSeq(string(text), ",") {
		one = strings.TrimSpace(one)
		if addr, err := netip.ParseAddr(one); err == nil {
			addr = addr.Unmap()
			*n = append(*n, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(one)
		if err != nil || prefix != prefix.Masked() || prefix.Addr().Is4In6() {
			return fmt.Errorf("%q is not an address like 10.0.0.1 or a range like 10.0.0.0/8", one)
		}
		*n = append(*n, prefix)
	}
	return nil
}

// Bounds returns what each client may have.
func (c *Config) Bounds() limits.Bounds {
	return limits.Bounds{Rate: c.RateLimit, Streams: c.MaxStreamsPerClient}
}

// validateAccess finds what would lend the upstream's token to anyone.
func (c *Config) validateAccess() error {
	host, _, _ := net.SplitHostPort(c.Addr) // it was looked at before
	if c.UpstreamToken != "" && len(c.APIKeys) == 0 && !c.AllowAnonymous && !isLoopback(host) {
		return fmt.Errorf("--upstream-token with --addr %q: whoever reaches it would use your token; "+
			"set --api-keys, or serve on 127.0.0.1, or say --allow-anonymous", c.Addr)
	}
	if c.MaxStreams < 1 {
		return fmt.Errorf("--max-streams %d: want 1 or more", c.MaxStreams)
	}
	if c.MaxStreamsPerClient < 0 {
		return fmt.Errorf("--max-streams-per-client %d: want 0 or more", c.MaxStreamsPerClient)
	}
	return nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}
