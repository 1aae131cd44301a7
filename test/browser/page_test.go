package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"sse-typewriter/internal/testenv"
	"sse-typewriter/internal/testenv/chromium"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// onEachPage runs before the scripts of a page. It logs violations of the content
// security policy to the console.
const onEachPage = `addEventListener("securitypolicyviolation", e => console.error("forbidden:", e.violatedDirective, e.blockedURI, e.sample));`

// page is a page in its own window.
type page struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu       sync.Mutex
	requests []string // method, URL and last event id
	errors   []string // of the console
	expected []string // what errors may contain
}

// open opens a page of a server after the given actions.
func open(t *testing.T, base, path string, prepare ...chromedp.Action) *page {
	t.Helper()
	p := openAny(t, base, path, prepare...)
	p.untilState("ready")
	return p
}

// openAny opens any page after the given actions.
func openAny(t *testing.T, base, path string, prepare ...chromedp.Action) *page {
	t.Helper()
	p := &page{t: t, ctx: chromium.NewWindow(t), base: base}
	t.Cleanup(p.check)
	chromedp.ListenTarget(p.ctx, p.listen)
	if err := chromedp.Run(p.ctx); err != nil { // with a context that ends, the page would end, too
		t.Fatal(err)
	}
	p.do(network.Enable(), log.Enable(), runtime.Enable(), chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := cdp.AddScriptToEvaluateOnNewDocument(onEachPage).Do(ctx)
		return err
	}))
	p.do(prepare...)
	p.do(chromedp.Navigate(base + path))
	return p
}

func (p *page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		request := e.Request.Method + " " + e.Request.URL
		if last, ok := e.Request.Headers["Last-Event-ID"]; ok {
			request += fmt.Sprint(" after ", last)
		}
		p.requests = append(p.requests, request)
	case *runtime.EventExceptionThrown:
		p.errors = append(p.errors, e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		text := string(e.Type)
		for _, arg := range e.Args {
			text += " " + string(arg.Value)
		}
		p.errors = append(p.errors, text)
	case *log.EventEntryAdded:
		p.errors = append(p.errors, string(e.Entry.Level)+" "+e.Entry.Text+" "+e.Entry.URL)
	case *cdp.EventJavascriptDialogOpening:
		p.errors = append(p.errors, "dialog "+e.Message)
	}
}

// expect allows console errors that contain a text.
func (p *page) expect(text string) { p.expected = append(p.expected, text) }

// check checks that the console has no unexpected error and that the page made no
// request to another host.
func (p *page) check() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.errors {
		if !slices.ContainsFunc(p.expected, func(text string) bool { return strings.Contains(e, text) }) {
			p.t.Errorf("on the console: %s", e)
		}
	}
	for _, r := range p.requests {
		if _, url, _ := strings.Cut(r, " "); !strings.HasPrefix(url, p.base+"/") {
			p.t.Errorf("request %s", r)
		}
	}
}

// sent returns the requests whose method and path contain a text.
func (p *page) sent(text string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, r := range p.requests {
		if r = strings.Replace(r, p.base, "", 1); strings.Contains(r, text) {
			out = append(out, r)
		}
	}
	return out
}

func (p *page) do(actions ...chromedp.Action) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, testenv.Patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// eval returns the value of an expression.
func eval[T any](p *page, expression string) T {
	p.t.Helper()
	var out T
	p.do(chromedp.Evaluate(expression, &out, func(e *runtime.EvaluateParams) *runtime.EvaluateParams {
		return e.WithAwaitPromise(true)
	}))
	return out
}

// until waits until an expression is true.
func (p *page) until(what, condition string) {
	p.t.Helper()
	defer func() {
		if p.t.Failed() {
			p.t.Logf("the page shows %q", eval[string](p, "document.body.innerText"))
		}
	}()
	testenv.Eventually(p.t, what, func() bool { return eval[bool](p, "Boolean("+condition+")") })
}

// untilState waits for a state of the connection.
func (p *page) untilState(name string) {
	p.t.Helper()
	p.until("the state is "+name, `document.querySelector("#state")?.dataset.state === `+quote(name)+` && document.querySelector("#state").textContent`)
}

// watchStates records the states that the page shows from now on in states. Some last too
// short for untilState.
func (p *page) watchStates() {
	p.t.Helper()
	eval[bool](p, `(() => {
		window.states = [];
		const state = document.querySelector("#state");
		new MutationObserver(() => states.push(state.textContent)).observe(state, {childList: true});
		return true;
	})()`)
}

// write types text into the focused element.
func (p *page) write(text string) {
	p.t.Helper()
	p.do(input.InsertText(text))
}

// press presses a key.
func (p *page) press(key string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(key))
}

// enter presses Enter, or Shift and Enter. Unlike chromedp's own function it lets the
// page decide whether to insert a newline.
func (p *page) enter(modifiers ...input.Modifier) {
	p.t.Helper()
	key := input.DispatchKeyEvent(input.KeyDown).WithKey("Enter").WithCode("Enter").WithWindowsVirtualKeyCode(13).WithText("\r")
	for _, m := range modifiers {
		key = key.WithModifiers(m)
	}
	p.do(key, input.DispatchKeyEvent(input.KeyUp).WithKey("Enter").WithCode("Enter").WithWindowsVirtualKeyCode(13))
}

// click clicks an element.
func (p *page) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(selector, chromedp.ByQuery))
}

// ask asks a question as a user does.
func (p *page) ask(question string) {
	p.t.Helper()
	p.do(chromedp.Focus("#question", chromedp.ByQuery))
	p.write(question)
	p.enter()
}

// choose chooses an option of a control.
func (p *page) choose(control, value string) {
	p.t.Helper()
	p.do(chromedp.SetValue("#"+control, value, chromedp.ByQuery))
	eval[bool](p, `document.querySelector("#`+control+`").dispatchEvent(new Event("change"))`)
}

// messages is the element with the text of the last answer.
const messages = `[...document.querySelectorAll(".answer .messages")].at(-1)`

// answerText returns the text of the last answer in the page.
func (p *page) answerText() string {
	p.t.Helper()
	return eval[string](p, messages+".textContent")
}

func quote(s string) string {
	out, _ := json.Marshal(s) // a string always can be
	return string(out)
}
