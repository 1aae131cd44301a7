// Package sdk runs the SDKs of Coze and OpenAI and event stream parsers against the
// stand-in or replayed streams, once directly and once through the program. Only the base
// URL differs. The events from the SDKs must be the same, except where the program repairs
// them.
package sdk

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/testenv"
)

// The servers that the scripts talk to: the stand-in, and the program in two modes.
const (
	straight   = "straight"
	raw        = "raw"
	typewriter = "typewriter"
)

// suite is a set of scripts in one language.
type suite struct {
	interpreter string
	servers     map[string][]string // of each script
}

// outcome has the events from an SDK on one server, by case.
type outcome map[string][]event

// change returns the expected events through the program, made of the events of a case,
// and of all cases, straight from the stand-in.
type change func(events []event, all outcome) []event

// same is the change for events that must stay the same.
func same(events []event, _ outcome) []event { return events }

// asContent is the change for encodings that need a complete parser, and for a
// truncated answer, which the SDK takes for complete or reports as a network error:
// through the program they equal any other chat.
func asContent(_ []event, all outcome) []event { return all["content"] }

// ended is the change for coze-studio's done event, which makes the SDK throw.
func ended(events []event, _ outcome) []event {
	return append(slices.Clone(events[:len(events)-1]), event{nameDone, `"[DONE]"`}, event{nameEnd, "null"})
}

// known is the change for coze-studio's done event, which cozepy does not know.
func known(events []event, _ outcome) []event {
	return slices.DeleteFunc(slices.Clone(events), func(e event) bool { return e.name == nameUnknown })
}

// asPoll is the change for requests that coze-studio serves by GET only.
func asPoll(_ []event, all outcome) []event { return all["poll"] }

// expectation is the last event of a case straight from the stand-in, and the change
// through the program. Without a change the case must end well with complete answers.
type expectation struct {
	last   string
	change change
}

var (
	well   = expectation{nameEnd, same}
	throws = expectation{nameThrow, same}
	breaks = expectation{nameEnd, asContent}
)

var expectations = map[string]map[string]expectation{
	"coze.mjs": {
		"content": well, "reasoning": well, "messages": well, "audio": well, "unknown": well,
		"surrogates": well, "escapes": well, "separators": well, "numbers": well, "long-line": well,
		"crlf":     well,
		"cr":       {nameThrow, asContent},
		"comments": {nameThrow, asContent},

		"studio": {nameThrow, ended}, "studio-error": well, "studio-poll": {nameThrow, asPoll},

		"tool": well, "tool-json": well, "workflow": well, "abort": well,
		"create": well, "poll": well, "create-and-poll": well, "cancel": well,
		"conversation": well, "bot": well, "small-file": well, "large-file": well,

		"broken": throws, "error-json": well, "error-400": throws, "error-401": throws, "error-429": throws,
		"error-500": throws, "html": well, "failed": well, "error-event": well,
		"no-conversation": throws, "no-path": throws,
		"cut": breaks, "cut-early": breaks, "no-done": breaks,
	},
	"with_cozepy.py": {
		"content": well, "reasoning": well, "messages": well, "unknown": well,
		"escapes": well, "numbers": well, "long-line": well, "crlf": well, "cr": well,
		"separators": {nameThrow, nil},
		"comments":   {nameThrow, asContent},
		"studio":     {nameEnd, known}, "studio-error": throws, "poll": well,

		"broken": throws, "error-json": throws, "error-400": throws, "error-401": throws, "error-429": throws,
		"error-500": throws, "html": throws, "failed": well, "error-event": throws,
		"cut": {nameThrow, asContent}, "cut-early": {nameThrow, asContent}, "no-done": breaks,
	},
	"fetch-event-source.mjs": {
		"content": well, "reasoning": well, "error-json": throws, "cut": {nameThrow, asContent},
	},
	"fetch.mjs": {
		"content": well, "reasoning": well, "surrogates": well, "comments": well, "workflow": well,
		"cut": {nameThrow, asContent},
	},
}

// The SDKs and parsers for Node.
func TestNode(t *testing.T) {
	t.Parallel()
	testenv.InstallNPM(t, ".")
	outcomes, through := play(t, suite{"node", map[string][]string{
		"coze.mjs":               {straight, raw, typewriter},
		"fetch-event-source.mjs": {straight, raw, typewriter},
		"fetch.mjs":              {straight, raw, typewriter},
		"eventsource.mjs":        {raw, typewriter}, // the stand-in has no route for it
	}})
	for _, mode := range []string{raw, typewriter} {
		for _, script := range []string{"coze.mjs", "fetch-event-source.mjs", "fetch.mjs"} {
			t.Run(mode+"/"+script, func(t *testing.T) {
				compare(t, expectations[script], outcomes[straight][script], outcomes[mode][script])
			})
		}
		t.Run(mode+"/eventsource.mjs", func(t *testing.T) {
			compareEventSource(t, outcomes[straight]["coze.mjs"], outcomes[mode]["eventsource.mjs"])
		})
		// Without the cancellation an abandoned answer would be read to its end before the
		// server exits. (The upstream may report the cancellation first.)
		t.Run(mode+"/abort", func(t *testing.T) {
			if got := endings(t, through[mode]); got["left"]+got["canceled"] != 1 {
				t.Errorf("streams ended so: %v, want one that the client canceled", got)
			}
		})
	}
}

// The SDK for Python.
func TestPython(t *testing.T) {
	t.Parallel()
	const script = "with_cozepy.py"
	python := testenv.InstallPip(t, "requirements.txt")
	outcomes, _ := play(t, suite{python, map[string][]string{script: {straight, raw, typewriter}}})
	for _, mode := range []string{raw, typewriter} {
		t.Run(mode, func(t *testing.T) {
			compare(t, expectations[script], outcomes[straight][script], outcomes[mode][script])
		})
	}
}

// An answer that is truncated and not recovered looks complete to no SDK: each throws, or
// hands out the error event.
func TestTruncatedAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		script      string
		interpreter func(*testing.T) string
	}{
		{"coze.mjs", func(t *testing.T) string {
			testenv.InstallNPM(t, ".")
			return "node"
		}},
		{"with_cozepy.py", func(t *testing.T) string { return testenv.InstallPip(t, "requirements.txt") }},
	} {
		t.Run(test.script, func(t *testing.T) {
			t.Parallel()
			interpreter := test.interpreter(t)
			upstream := start(t).Base + "/upstream"
			p := start(t, "--upstream="+upstream, "--recovery-timeout=0")
			cases := runScript(t, interpreter, test.script, p.Base, "cut", "cut-early", "no-done")
			if len(cases) != 3 {
				t.Errorf("%d cases", len(cases))
			}
			for name, lines := range cases {
				if !slices.ContainsFunc(lines, func(l line) bool { return l.Event == nameThrow || l.Event == nameError }) {
					t.Errorf("%s: the answer looks complete: %s", name, list(normalize(lines)))
				}
			}
		})
	}
}

// play runs a suite of scripts on all of their servers in parallel. It returns the
// outcomes by server and script, and the servers in front of the stand-in.
func play(t *testing.T, s suite) (outcomes map[string]map[string]outcome, through map[string]*testenv.Program) {
	t.Helper()
	upstream := start(t).Base + "/upstream"
	// Heartbeats are frequent, so that each SDK gets some.
	args := []string{"--upstream=" + upstream, "--bot-id=7300000000000000001", "--heartbeat=50ms"}
	through = map[string]*testenv.Program{
		raw:        start(t, append(args, "--mode=raw")...),
		typewriter: start(t, append(args, "--mode=typewriter", "--speed=20")...),
	}
	bases := map[string]string{straight: upstream, raw: through[raw].Base, typewriter: through[typewriter].Base}
	type run struct {
		script, server string
		cases          map[string][]line
	}
	var runs []*run
	var all sync.WaitGroup
	for script, servers := range s.servers {
		for _, server := range servers {
			r := &run{script: script, server: server}
			runs = append(runs, r)
			all.Go(func() { r.cases = runScript(t, s.interpreter, script, bases[server]) })
		}
	}
	all.Wait()
	outcomes = map[string]map[string]outcome{straight: {}, raw: {}, typewriter: {}}
	for _, r := range runs {
		outcomes[r.server][r.script] = make(outcome)
		for name, lines := range r.cases {
			outcomes[r.server][r.script][name] = normalize(lines)
		}
	}
	return outcomes, through
}

// compare compares the events from an SDK through the program with those straight from
// the stand-in.
func compare(t *testing.T, cases map[string]expectation, straight, through outcome) {
	if len(straight) != len(cases) || len(through) != len(cases) {
		t.Errorf("%d cases straight and %d through, want %d", len(straight), len(through), len(cases))
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		expect := cases[name]
		t.Run(name, func(t *testing.T) {
			before, after := straight[name], through[name]
			if len(before) == 0 || before[len(before)-1].name != expect.last {
				t.Fatalf("straight, the case does not end with %s: %s", expect.last, list(before))
			}
			switch {
			case expect.change != nil:
				checkEqual(t, after, expect.change(before, straight))
			case len(after) == 0 || after[len(after)-1].name != nameEnd:
				t.Errorf("through the program, the case does not end well: %s", list(after))
			}
			checkAnswers(t, after)
		})
	}
}

// compareEventSource compares the events of EventSource with those of Coze's SDK and
// checks that the server ended the reconnects.
func compareEventSource(t *testing.T, straight, through outcome) {
	for _, name := range []string{"content", "reasoning"} {
		t.Run(name, func(t *testing.T) {
			want := slices.Clone(straight[name])
			want = slices.Insert(want, len(want)-1, event{"closed", `{"eachHasAnID":true,"statuses":[200,204]}`})
			checkEqual(t, through[name], want)
		})
	}
}

func checkEqual(t *testing.T, got, want []event) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", list(got), list(want))
	}
}

func list(events []event) string {
	const most = 1000 // characters of an event
	var out strings.Builder
	for _, e := range events {
		fmt.Fprintf(&out, "\t%.*s\n", most, e)
	}
	return out.String()
}

// checkAnswers checks that the joined deltas of each answer equal its completed
// message.
func checkAnswers(t *testing.T, events []event) {
	t.Helper()
	said := make(map[string]string) // by message id
	for _, e := range events {
		data := gjson.Parse(e.data)
		id, kind := data.Get("id").Str, data.Get("type").Str
		switch {
		case e.name == nameDelta && data.Get("content_type").Str == "text":
			said[id] += data.Get("content").Str
		case e.name == nameCompleted && kind == "answer" && said[id] != "" && said[id] != data.Get("content").Str:
			t.Errorf("the answer %q was said as %q", data.Get("content").Str, said[id])
		}
	}
}
