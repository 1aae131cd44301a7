package coze

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sse-typewriter/mock"

	"github.com/tidwall/gjson"
)

// The endings that scenarios share: the names of the events after the deltas.
var (
	goodEnd = []string{eventMessageCompleted, eventChatCompleted, eventDone}
	opening = []string{eventChatCreated, eventChatInProgress}
)

func order(parts ...[]string) []string { return slices.Concat(parts...) }

// scenarioTest is what a scenario's reply must be.
type scenarioTest struct {
	names  []string // nil: not a stream
	status int      // 0: 200
	code   int64    // of a JSON error
	err    error
	check  func(*testing.T, *recording)
}

// scenarioTests has a row for each scenario; "" is the normal chat.
func scenarioTests() map[string]scenarioTest {
	deltas := []string{eventMessageDelta}
	normal := order(opening, deltas, goodEnd)
	return map[string]scenarioTest{
		"":             {names: normal, check: checkCozeShape},
		"help":         {names: normal, check: checkHelp},
		"reasoning":    {names: normal, check: checkReasoning},
		"messages":     {names: order(opening, deltas, goodEnd[:1], deltas, goodEnd[:1], deltas, goodEnd), check: checkMessages},
		"tool":         {names: order(opening, goodEnd[:1], []string{eventRequiresAction, eventDone})},
		"audio":        {names: order(opening, deltas, goodEnd[:2], []string{eventAudioDelta, eventDone})},
		"unknown":      {check: checkUnknown, names: order(opening, goodEnd[:1], []string{"ping", "conversation.message.typing"}, deltas, []string{"conversation.some.future.event"}, deltas, goodEnd[:1], deltas, goodEnd)},
		"studio":       {names: order(opening, deltas, goodEnd[:2], []string{"conversation.stream.done"}), check: checkStudio},
		"studio-error": {names: order(opening, deltas, goodEnd[:1], []string{eventError})},
		"slow":         {names: normal, check: checkSpeed(3)},
		"fast":         {names: normal, check: checkSpeed(400)},
		"dumps":        {names: normal, check: checkDumps},
		"at-once":      {names: normal, check: checkAtOnce},
		"stall":        {names: normal, check: checkStall},
		"surrogates":   {names: normal, check: checkSurrogates},
		"escapes":      {names: normal, check: checkASCII},
		"separators":   {names: normal, check: contains("\u0085", "\u2028", "\u2029")},
		"numbers":      {names: normal, check: contains(`"extra" : 1.0,"huge":1e400 , "count":12345678901234567890`)},
		"broken":       {names: normal, check: checkBroken},
		"long-line":    {names: normal, check: checkLongLine},
		"crlf":         {names: normal, check: contains("}\r\n\r\nevent:")},
		"cr":           {names: normal, check: contains("}\r\revent:")},
		"comments":     {names: normal, check: contains("\uFEFF: ", "\nretry: 3000\n", "\nid: 5\n", "\n: still here\n", ",\n: in between\ndata: \"")},
		"byte-by-byte": {names: normal, check: checkBytes},
		"error-json":   {code: codeNoAccess},
		"error-400":    {status: 400, code: codeBadRequest},
		"error-401":    {status: 401, code: codeTokenWrong},
		"error-429":    {status: 429, code: codeRateLimit, check: checkRetryAfter},
		"error-500":    {status: 500, code: codeInternal},
		"html":         {check: contains("<!DOCTYPE html>")},
		"failed":       {names: order(opening, deltas, []string{eventChatFailed})},
		"error-event":  {names: order(opening, deltas, []string{eventError, eventDone})},
		"cut":          {names: order(opening, deltas), err: io.ErrUnexpectedEOF, check: checkCutInside},
		"cut-early":    {names: opening, err: io.ErrUnexpectedEOF},
		"no-done":      {names: order(opening, deltas)},
		"hang":         {names: order(opening, deltas), err: context.DeadlineExceeded},
	}
}

// TestScenarios plays every scenario and checks what all of them share, and the
// order of events and the end that are the scenario's own.
func TestScenarios(t *testing.T) {
	tests := scenarioTests()
	names := []string{""}
	for _, s := range Scenarios() {
		names = append(names, s.Name)
	}
	for _, name := range names {
		t.Run("scenario "+name, func(t *testing.T) {
			test, ok := tests[name]
			if !ok {
				t.Fatal("the scenario has no row in this test")
			}
			synctest.Test(t, func(t *testing.T) {
				message := askPoem
				if name != "" {
					message = "/" + name
				}
				if name == "slow" {
					message += " " + askArticle // long enough for a mean
				}
				r := client{t, newStandIn(1)}.askBriefly(message, time.Hour)
				if !errors.Is(r.err, test.err) || (r.err == nil) != (test.err == nil) {
					t.Errorf("ended with %v, want %v", r.err, test.err)
				}
				if want := cmp.Or(test.status, http.StatusOK); r.status != want {
					t.Errorf("status %d, want %d", r.status, want)
				}
				if r.header.Get("x-tt-logid") == "" {
					t.Error("no x-tt-logid")
				}
				checkCommon(t, r, test.names, test.code)
				if test.check != nil {
					test.check(t, r)
				}
			})
		})
	}
}

// checkCommon checks the order of a stream and that its messages agree with its
// deltas, or the code of a JSON error.
func checkCommon(t *testing.T, r *recording, names []string, code int64) {
	t.Helper()
	if names == nil {
		if got := gjson.GetBytes(r.raw, "code").Int(); got != code {
			t.Errorf("code %d, want %d", got, code)
		}
		return
	}
	if got := r.header.Get("Content-Type"); got != typeEvents {
		t.Errorf("content type %q", got)
	}
	if got := r.names(); !slices.Equal(got, names) {
		t.Errorf("events\n got %q\nwant %q", got, names)
	}
	var answers strings.Builder
	for _, m := range r.completed("answer") {
		if m.Get("content_type").Str == "text" {
			answers.WriteString(m.Get("content").Str)
		}
	}
	if answers.Len() > 0 && answers.String() != r.text("content") {
		t.Errorf("the completed answers differ from their deltas:\n%q\n%q", answers.String(), r.text("content"))
	}
}

func TestHeaderPicksScenario(t *testing.T) {
	tests := []struct {
		name, header, message string
		status                int
		code                  int64
	}{
		{"header alone", "error-500", "hello", 500, codeInternal},
		{"header wins", "error-500", "/error-400", 500, codeInternal},
		{"message", "", "/error-400 hello", 400, codeBadRequest},
		{"unknown header", "nonsense", "hello", 200, codeBadRequest},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := client{t, newStandIn(1)}.ask(test.message, mock.ScenarioHeader, test.header)
			if r.status != test.status || gjson.GetBytes(r.raw, "code").Int() != test.code {
				t.Errorf("got %d %s", r.status, r.raw)
			}
			if res := r.header.Get("Content-Type"); res != typeJSON {
				t.Errorf("content type %q", res)
			}
		})
	}
}

func TestCloseAndContextEndReads(t *testing.T) {
	tests := []struct {
		name string
		stop func(context.CancelFunc, io.Closer)
		want error
	}{
		{"close", func(_ context.CancelFunc, c io.Closer) { _ = c.Close() }, http.ErrBodyReadAfterClose},
		{"cancel", func(cancel context.CancelFunc, _ io.Closer) { cancel() }, context.Canceled},
	}
	for _, test := range tests {
		for _, scenario := range []string{"/hang", "/stall", "/slow"} {
			t.Run(test.name+scenario, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					res := client{t, newStandIn(1)}.do(ctx, http.MethodPost, "/v3/chat", chatBody(scenario, true))
					defer func() { _ = res.Body.Close() }()
					ended := make(chan error)
					go func() { // ends when the read does
						_, err := io.Copy(io.Discard, res.Body)
						ended <- err
					}()
					time.Sleep(2 * time.Second)
					stopped := time.Now()
					test.stop(cancel, res.Body)
					if err := <-ended; !errors.Is(err, test.want) || time.Since(stopped) != 0 {
						t.Errorf("ended with %v after %v", err, time.Since(stopped))
					}
				})
			})
		}
	}
}
