package handler

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/internal/testenv"
	"sse-typewriter/mock"
	cozemock "sse-typewriter/mock/coze"
	"sse-typewriter/web/markdown"
)

func TestMarkdown(t *testing.T) {
	_, server := newTestHandler(t, mock.New(1, cozemock.New()))
	for _, test := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"text", "**a** <b>", http.StatusOK, "<p data-line=\"0\"><strong>a</strong> &lt;b&gt;</p>\n"},
		{"nothing", "", http.StatusOK, ""},
		{"too long", strings.Repeat("a\n\n", markdown.MaxBytes/3+1), http.StatusRequestEntityTooLarge, `{"code":4000,"msg":"text is too long: want at most 131072 bytes`},
	} {
		a := server.serve(context.Background(), t, request{method: "POST", url: "/typewriter/markdown", body: test.body})
		if a.status != test.status || !strings.HasPrefix(a.body, test.want) || test.want == "" && a.body != "" {
			t.Errorf("%s: got %d %s", test.name, a.status, a.body)
		}
		if test.status != http.StatusOK {
			continue
		}
		for name, want := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'",
		} {
			if got := a.header(name); got != want {
				t.Errorf("%s: %s is %q, want %q", test.name, name, got, want)
			}
		}
	}
}

// Excess conversions wait, until their client disconnects.
func TestConcurrentConversions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, server := newTestHandler(t, mock.New(1, cozemock.New()))
		for range cap(h.markdown.running) {
			h.markdown.running <- struct{}{}
		}
		c := clients{t: t, server: server}
		r := request{method: "POST", url: "/typewriter/markdown", body: "a"}
		left, _, leave := c.start(r)
		waits, _, _ := c.start(r)
		leave()
		<-h.markdown.running
		synctest.Wait()
		if left.body != "" || waits.status != http.StatusOK || waits.body != "<p data-line=\"0\">a</p>\n" {
			t.Errorf("got %q, and %d %q", left.body, waits.status, waits.body)
		}
		c.wg.Wait()
		if n := cap(h.markdown.running) - len(h.markdown.running); n != 1 {
			t.Errorf("%d are free, want 1", n)
		}
	})
}

// Clients that do not read hold a place until their HTML is sent, or until the write
// timeout. Other conversions wait, and the memory is bounded.
func TestMarkdownIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, server := newTestHandler(t, mock.New(1))
		r := request{method: "POST", url: "/typewriter/markdown", body: "a"}
		var conns []*testenv.MemConn
		for range maxUnsentHTML {
			conn, err := server.listener.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write(r.bytes()); err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		synctest.Wait()
		c := clients{t: t, server: server}
		first, _, _ := c.start(r)
		second, _, _ := c.start(r)
		if first.status != 0 || len(h.markdown.running) != 0 {
			t.Errorf("got %d, and %d conversions run", first.status, len(h.markdown.running))
		}
		if _, err := io.ReadAll(io.LimitReader(conns[0], 1)); err != nil { // the header and body are one write
			t.Fatal(err)
		}
		_ = conns[0].Close()
		synctest.Wait()
		c.wg.Wait()
		time.Sleep(time.Minute) // the write timeout
		synctest.Wait()
		for _, a := range []*answer{first, second} {
			if a.status != http.StatusOK || a.body != "<p data-line=\"0\">a</p>\n" {
				t.Errorf("got %d %q", a.status, a.body)
			}
		}
		if n := len(h.markdown.unsent); n != 0 {
			t.Errorf("%d places are taken", n)
		}
	})
}
