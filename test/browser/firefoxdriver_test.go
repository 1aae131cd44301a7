package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"sse-typewriter/internal/testenv"
)

// firefoxPage is a page in a Firefox of its own, driven by WebDriver BiDi
// (https://w3c.github.io/webdriver-bidi/). A failed command fails the test.
type firefoxPage struct {
	t       *testing.T
	conn    io.ReadWriter
	context string // id of the page
	id      int    // of the last command
}

// openFirefox starts Firefox and opens a page. The script runs on each page before the
// page's own. The end of the test ends Firefox. Without Firefox, and under -short,
// openFirefox skips the test.
func openFirefox(t *testing.T, url, script string) *firefoxPage {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no page is tested")
	}
	path, err := exec.LookPath("firefox-esr")
	if err != nil {
		t.Skip("Firefox is not installed: run scripts/install-test-deps")
	}
	p := &firefoxPage{t: t, conn: connectDriver(t, startFirefox(t, path))}
	p.send("session.new", map[string]any{"capabilities": map[string]any{}}, nil)
	var opened struct{ Context string }
	p.send("browsingContext.create", map[string]any{"type": "tab"}, &opened)
	p.context = opened.Context
	p.send("script.addPreloadScript", map[string]any{"functionDeclaration": "() => {" + script + "}"}, nil)
	p.send("browsingContext.navigate", map[string]any{"context": p.context, "url": url, "wait": "complete"}, nil)
	return p
}

// startFirefox starts Firefox and returns the address of its WebDriver.
func startFirefox(t *testing.T, path string) string {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), path, "--headless", "--no-remote", "--profile", t.TempDir(), "--remote-debugging-port", "0")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it runs
		_ = cmd.Wait()         // killed
	})
	address := regexp.MustCompile(`ws://127\.0\.0\.1:\d+`)
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if found := address.FindString(lines.Text()); found != "" {
			go func() { _, _ = io.Copy(io.Discard, stderr) }() // ends with Firefox
			return found + "/session"
		}
	}
	t.Fatal("Firefox ended")
	return ""
}

// connectDriver opens the connection to the WebDriver.
func connectDriver(t *testing.T, address string) io.ReadWriter {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	conn, buffered, _, err := ws.Dial(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if buffered != nil {
		return bufferedConn{conn, io.MultiReader(buffered, conn)}
	}
	return conn
}

// bufferedConn is a connection with bytes that were read already.
type bufferedConn struct {
	net.Conn
	in io.Reader
}

// Read implements [io.Reader].
func (c bufferedConn) Read(p []byte) (int, error) { return c.in.Read(p) }

// send sends a command, and decodes the result into result unless it is nil.
func (p *firefoxPage) send(method string, params map[string]any, result any) {
	p.t.Helper()
	p.id++
	command, err := json.Marshal(map[string]any{"id": p.id, "method": method, "params": params})
	if err != nil {
		p.t.Fatal(err)
	}
	if err := wsutil.WriteClientText(p.conn, command); err != nil {
		p.t.Fatal(err)
	}
	for {
		data, err := wsutil.ReadServerText(p.conn)
		if err != nil {
			p.t.Fatalf("%s: %v", method, err)
		}
		var reply struct {
			ID             int
			Error, Message string
			Result         json.RawMessage
		}
		switch err := json.Unmarshal(data, &reply); {
		case err != nil:
			p.t.Fatalf("%s: %v", method, err)
		case reply.ID != p.id: // an event
		case reply.Error != "":
			p.t.Fatalf("%s: %s: %s", method, reply.Error, reply.Message)
		case result == nil:
			return
		default:
			if err := json.Unmarshal(reply.Result, result); err != nil {
				p.t.Fatalf("%s: %v", method, err)
			}
			return
		}
	}
}

// text returns the value of an expression as a string. Promises are awaited.
func (p *firefoxPage) text(expression string) string {
	p.t.Helper()
	var result struct {
		Result           struct{ Value string }
		ExceptionDetails *struct{ Text string }
	}
	p.send("script.evaluate", map[string]any{
		"expression":   "(async () => String(await (" + expression + ")))()",
		"target":       map[string]any{"context": p.context},
		"awaitPromise": true,
	}, &result)
	if result.ExceptionDetails != nil {
		p.t.Fatalf("%s: %s", expression, result.ExceptionDetails.Text)
	}
	return result.Result.Value
}

// until waits until an expression is true.
func (p *firefoxPage) until(condition string) {
	p.t.Helper()
	testenv.Eventually(p.t, condition, func() bool { return p.text("Boolean("+condition+")") == "true" })
}

// reload loads the page again.
func (p *firefoxPage) reload() {
	p.t.Helper()
	p.send("browsingContext.reload", map[string]any{"context": p.context, "wait": "complete"}, nil)
}

// write types keys into the focused element.
func (p *firefoxPage) write(keys string) {
	p.t.Helper()
	actions := []map[string]any{}
	for _, key := range keys {
		actions = append(actions, map[string]any{"type": "keyDown", "value": string(key)}, map[string]any{"type": "keyUp", "value": string(key)})
	}
	p.act(map[string]any{"type": "key", "id": "keyboard", "actions": actions})
}

// firefoxEnter is the Enter key for write (https://www.w3.org/TR/webdriver2/#keyboard-actions).
const firefoxEnter = "\uE007"

// click clicks into the middle of the element of a selector.
func (p *firefoxPage) click(selector string) {
	p.t.Helper()
	quoted, _ := json.Marshal(selector) // cannot fail for a string
	var found struct {
		Result struct{ SharedID string }
	}
	p.send("script.evaluate", map[string]any{
		"expression":   "document.querySelector(" + string(quoted) + ")",
		"target":       map[string]any{"context": p.context},
		"awaitPromise": false,
	}, &found)
	if found.Result.SharedID == "" {
		p.t.Fatalf("no element is %s", selector)
	}
	origin := map[string]any{"type": "element", "element": map[string]any{"sharedId": found.Result.SharedID}}
	p.act(map[string]any{"type": "pointer", "id": "mouse", "actions": []map[string]any{
		{"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
		{"type": "pointerDown", "button": 0},
		{"type": "pointerUp", "button": 0},
	}})
}

func (p *firefoxPage) act(source map[string]any) {
	p.t.Helper()
	p.send("input.performActions", map[string]any{"context": p.context, "actions": []any{source}}, nil)
}
