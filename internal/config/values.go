package config

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"sse-typewriter/internal/access"
	"sse-typewriter/typewriter"
)

// autoDuration is a duration, or [typewriter.Auto], spelled auto.
type autoDuration time.Duration

// UnmarshalText parses a duration, or auto.
func (d *autoDuration) UnmarshalText(text []byte) error {
	if string(text) == "auto" {
		*d = autoDuration(typewriter.Auto)
		return nil
	}
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed == typewriter.Auto {
		return fmt.Errorf("%q: want auto or a duration such as 3s", text)
	}
	*d = autoDuration(parsed)
	return nil
}

// Keys are the API keys of clients.
type Keys struct {
	List []access.Key

	// File is the file of the keys, or empty.
	File string
}

// UnmarshalText parses comma-separated keys in the form of [access.ParseKeys], or reads the
// file named after an @, with one key per line and # comments. Errors never contain a key.
func (k *Keys) UnmarshalText(text []byte) (err error) {
	entries := strings.Split(string(text), ",")
	name, isFile := strings.CutPrefix(string(text), "@")
	if isFile {
		data, err := os.ReadFile(name) //nolint:gosec // named by the operator
		if err != nil {
			return err
		}
		entries, k.File = nil, name
		for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\ufeff"))) { // Notepad's mark
			if line := strings.TrimSpace(string(line)); line != "" && !strings.HasPrefix(line, "#") {
				entries = append(entries, line)
			}
		}
		if len(entries) == 0 {
			return fmt.Errorf("no keys in %s", name)
		}
	}
	k.List, err = access.ParseKeys(entries)
	return err
}

// Origins lists the allowed values of the Origin header, or consists of * alone.
type Origins []string

// UnmarshalText parses comma-separated origins.
func (o *Origins) UnmarshalText(text []byte) error {
	*o = nil
	for origin := range strings.SplitSeq(string(text), ",") {
		origin = strings.TrimSpace(origin)
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || u.Host == "" || origin != strings.ToLower(u.Scheme+"://"+u.Host)) {
			return fmt.Errorf("invalid origin %q: want lower case without a path, such as https://example.com or http://localhost:3000", origin)
		}
		*o = append(*o, origin)
	}
	if len(*o) > 1 && strings.Contains(string(text), "*") {
		return errors.New("* allows all origins: remove the others")
	}
	return nil
}

// Hosts lists host names in lower case, without ports.
type Hosts []string

// UnmarshalText parses comma-separated host names.
func (h *Hosts) UnmarshalText(text []byte) error {
	*h = nil
	for host := range strings.SplitSeq(string(text), ",") {
		host = strings.TrimSpace(host)
		if host == "" || strings.ContainsAny(host, "/:*@ ") {
			return fmt.Errorf("invalid host %q: want a name without a port, such as chat.example.com", host)
		}
		*h = append(*h, strings.ToLower(host))
	}
	return nil
}

// Networks lists IP ranges. A single address is a range of one.
type Networks []netip.Prefix

// UnmarshalText parses comma-separated addresses and CIDR ranges.
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
			return fmt.Errorf("invalid network %q: want an address such as 10.0.0.1 or a range such as 10.0.0.0/8", one)
		}
		*n = append(*n, prefix)
	}
	return nil
}

// size is a positive number of bytes.
type size int

var units = []struct {
	suffix string
	bytes  int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}

// UnmarshalText parses a size such as 256MiB, 4KiB or 1000.
func (s *size) UnmarshalText(text []byte) error {
	const maxSize = 1 << 40
	for _, unit := range units {
		number, ok := strings.CutSuffix(string(text), unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if err != nil || n <= 0 || n > maxSize/unit.bytes {
			break
		}
		*s = size(n * unit.bytes)
		return nil
	}
	return fmt.Errorf("invalid size %q: want a number of bytes such as 256MiB, 4KiB or 1000", text)
}
