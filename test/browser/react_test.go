package browser

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sse-typewriter/internal/testenv"

	"github.com/chromedp/chromedp"
)

// maxClientBytes bounds the compressed size of the JavaScript client.
const maxClientBytes = 5000

// command runs a command in a folder.
func command(t *testing.T, folder, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
}

// reactApp builds examples/react with the packed client, once, and returns the folder.
func reactApp(t *testing.T) string {
	t.Helper()
	const source, npm = "../../examples/react", "../../npm"
	testenv.InstallNPM(t, npm)
	testenv.InstallNPM(t, source)
	folder := filepath.Join(testenv.Folder(), "react")
	reactOnce.Do(func() {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		command(t, ".", "cp", "-a", source+"/.", folder)
		command(t, npm, "npm", "pack", "--pack-destination", folder)
		packages, err := filepath.Glob(filepath.Join(folder, "*.tgz"))
		if err != nil || len(packages) != 1 {
			t.Fatalf("packed %q, error %v", packages, err)
		}
		command(t, folder, "npm", "install", "--no-save", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", packages[0])
		command(t, folder, "npx", "vite", "build")
	})
	return folder
}

var reactOnce sync.Once

// serveReact serves the built app in front of a server.
func serveReact(t *testing.T, folder, to string) string {
	t.Helper()
	server, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(server)
	proxy.FlushInterval = -1
	mux := http.NewServeMux()
	mux.Handle("/v3/", proxy)
	mux.Handle("/typewriter/", proxy)
	mux.HandleFunc("/favicon.ico", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("/", http.FileServer(http.Dir(filepath.Join(folder, "dist"))))
	origin := httptest.NewServer(mux)
	t.Cleanup(func() {
		origin.CloseClientConnections()
		origin.Close()
	})
	return origin.URL
}

// The package is small, and its types fit the example.
func TestPackage(t *testing.T) {
	t.Parallel()
	folder := reactApp(t)
	client, err := os.ReadFile(filepath.Join(folder, "node_modules/sse-typewriter/dist/index.js"))
	if err != nil {
		t.Fatal(err)
	}
	var compressed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&compressed, gzip.BestCompression) // the level is valid
	_, _ = w.Write(client)                                         // never fails
	_ = w.Close()
	if n := compressed.Len(); n > maxClientBytes {
		t.Errorf("the client has %d bytes compressed, want at most %d", n, maxClientBytes)
	}
	command(t, folder, "npx", "tsc")
}

// reactStatus is true if the app shows a status.
func reactStatus(want string) string {
	return `document.querySelector("[role=status]")?.textContent === ` + quote(want)
}

// askReact asks a question in the app.
func askReact(p *page, question string) {
	p.t.Helper()
	p.do(chromedp.Focus("input", chromedp.ByQuery))
	p.write(question)
	p.enter()
}

// An answer of useTyped continues after a reload at the next character, can be retried
// after a failure, and can be stopped.
func TestUseTyped(t *testing.T) {
	t.Parallel()
	goOn, give := signal(t)
	asked := 0
	u := newUpstream(t, func(c *chat) {
		switch asked++; asked {
		case 1:
			c.say("first half, ")
			c.await(goOn)
			c.say("second half.")
			c.end("more?")
		case 2:
			c.send("error", map[string]any{"code": 7, "msg": "no luck"})
		case 3:
			c.say("luck")
			c.end()
		default:
			c.say("too much")
			c.await(nil)
		}
	})
	p := openAny(t, serveReact(t, reactApp(t), testenv.Start(t, "--upstream="+u.URL).Base), "/")
	p.until("the app is idle", reactStatus("idle"))
	askReact(p, "x")
	p.until("half of it is there", `document.querySelector("article").textContent === "first half, "`)
	p.do(chromedp.Reload())
	p.until("half of it is there again", `document.querySelector("article")?.textContent === "first half, "`)
	give()
	p.until("the answer is done", reactStatus("done"))
	if got := eval[string](p, `document.querySelector("article").textContent`); got != "first half, second half." {
		t.Errorf("after the reload the answer is %q", got)
	}
	if got := u.questions(); len(got) != 1 {
		t.Errorf("the service got %q", got)
	}
	p.do(chromedp.Click(`article + button`, chromedp.ByQuery)) // the suggestion
	p.until("the failure is shown", `document.querySelector("[role=alert]")?.textContent.startsWith("no luck")`)
	p.click("[role=alert] button")
	p.until("the retry is done", `document.querySelector("article").textContent === "luck" && `+reactStatus("done"))
	askReact(p, "y")
	p.until("text is there", `document.querySelector("article").textContent === "too much"`)
	p.click("form button[type=button]")
	p.until("it is stopped", reactStatus("stopped"))
	testenv.Eventually(t, "the chat is canceled", u.isCancelled)
	if got := u.questions(); len(got) != 4 || got[2].message != "more?" || got[1].conversation != "77" {
		t.Errorf("the service got %q", got)
	}
}

// useChat of the AI SDK asks through TypewriterTransport, continues the conversation, and
// replays a running answer after a reload.
func TestUseChat(t *testing.T) {
	t.Parallel()
	goOn, give := signal(t)
	u := newUpstream(t, func(c *chat) {
		c.think("hm")
		c.say("I heard ", c.question)
		if c.question == "two" {
			c.await(goOn)
			c.say(", too")
		}
		c.end()
	})
	p := openAny(t, serveReact(t, reactApp(t), testenv.Start(t, "--upstream="+u.URL).Base), "/#conversation")
	p.until("the chat is ready", reactStatus("ready"))
	askReact(p, "one")
	const last = `[...document.querySelectorAll("[data-role=assistant]")].at(-1)?.textContent`
	p.until("the first answer is done", last+` === "I heard one" && `+reactStatus("ready"))
	askReact(p, "two")
	p.until("the second answer is begun", last+` === "I heard two"`)
	p.do(chromedp.Reload())
	p.until("it is replayed", last+` === "I heard two"`)
	give()
	p.until("it is done", last+` === "I heard two, too" && `+reactStatus("ready"))
	if got := u.questions(); len(got) != 2 || strings.Join([]string{got[0].conversation, got[1].conversation}, " ") != " 77" {
		t.Errorf("the service got %q", got)
	}
}
