package proxy

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

// A large upload is streamed: the client sends the rest only when the upstream has got
// the beginning. nginx buffers nothing on disk.
func TestUploadStreams(t *testing.T) {
	t.Parallel()
	const beginning, size = 1 << 20, 64 << 20
	begun := make(chan struct{})
	u := newUpstream(t, nil, func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		if n, err := io.CopyN(sum, r.Body, beginning); err != nil {
			t.Errorf("upstream got %d bytes, %v", n, err)
		}
		begun <- struct{}{}
		n, err := io.Copy(sum, r.Body)
		_, _ = fmt.Fprintf(w, "%d %v %x", beginning+n, err, sum.Sum(nil))
	})
	n := startNginx(t, testenv.Start(t, "--upstream="+u.URL))
	for _, length := range []int64{size, -1} {
		body, rest := io.Pipe()
		sum := sha256.New()
		random := io.TeeReader(rand.NewChaCha8([32]byte{}), sum)
		go func() { // ends with the request
			_, _ = io.CopyN(rest, random, beginning)
			select {
			case <-begun:
			case <-time.After(testenv.Patience):
				_ = rest.CloseWithError(errors.New("the upstream has got nothing")) // it fails never
				return
			}
			if files := n.keptOnDisk(); len(files) > 0 {
				t.Errorf("nginx keeps files: %q", files)
			}
			_, _ = io.CopyN(rest, random, size-beginning)
			if files := n.keptOnDisk(); len(files) > 0 {
				t.Errorf("nginx keeps files: %q", files)
			}
			_ = rest.Close() // it fails never
		}()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.base+"/v1/files/upload", body)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = length
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := io.ReadAll(res.Body)
		_ = res.Body.Close() // it was read
		if want := fmt.Sprintf("%d <nil> %x", size, sum.Sum(nil)); string(reply) != want || err != nil {
			t.Errorf("length %d: got %q, %v, want %q", length, reply, err, want)
		}
	}
}

// nginx and the server have the same upload limit.
func TestUploadTooLarge(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, nil, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	n := startNginx(t, testenv.Start(t, "--upstream="+u.URL))
	for _, length := range []int64{512<<20 + 1, 512 << 20} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.base+"/v1/files/upload", io.LimitReader(zeros{}, length))
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = length
		req.Header.Set("Expect", "100-continue") // so that an early answer is read
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close() // it was read
		want := http.StatusOK
		if length > 512<<20 {
			want = http.StatusRequestEntityTooLarge
		}
		if res.StatusCode != want {
			t.Errorf("length %d: got %d %s, want %d", length, res.StatusCode, strings.TrimSpace(string(body)), want)
		}
	}
}

// A large download waits for a client that pauses: nginx, which would log that, buffers
// nothing on disk.
func TestDownloadWaits(t *testing.T) {
	t.Parallel()
	const size = 64 << 20
	u := newUpstream(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.CopyN(w, zeros{}, size) // an error shows at the client
	})
	n := startNginx(t, testenv.Start(t, "--upstream="+u.URL))
	res := sendRequest(t, http.DefaultClient, http.MethodGet, n.base+"/v1/files/content", "")
	defer res.Body.Close()
	for range 10 {
		time.Sleep(20 * time.Millisecond) // so that nginx could read ahead
		if files := n.keptOnDisk(); len(files) > 0 {
			t.Errorf("nginx keeps files: %q", files)
		}
	}
	if got, err := io.Copy(io.Discard, res.Body); got != size || err != nil {
		t.Errorf("got %d bytes, %v", got, err)
	}
}

// A request target reaches the upstream unchanged, with its escapes.
func TestTargetsAreNotChanged(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, nil, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RequestURI) })
	n := startNginx(t, testenv.Start(t, "--upstream="+u.URL))
	for _, target := range []string{"/v1/x/%E4%BD%A0%20%2b", "/v1/a%2Fb?a=%2f&b=+%20&a=", "/open_api/x/?"} {
		res := sendRequest(t, http.DefaultClient, http.MethodGet, n.base+target, "")
		got, err := io.ReadAll(res.Body)
		_ = res.Body.Close() // it was read
		if string(got) != strings.TrimSuffix(target, "?") || err != nil {
			t.Errorf("upstream got %q, %v, want %q", got, err, target)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
