// Package sdk runs the SDKs that people use with Coze, and readers of event
// streams, against the stand-in: once straight and once through a server of ours.
// Nothing but the base URL changes, and so must nothing that an SDK hands out, but
// for what is better than before.
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

// The servers that the scripts talk to.
const (
	straight   = "straight"
	raw        = "raw"
	typewriter = "typewriter"
)

// scripts are the programs, and the servers they are for: the stand-in has no chat
// for EventSource.
var scripts = map[string][]string{
	"coze.mjs":               {straight, raw, typewriter},
	"fetch-event-source.mjs": {straight, raw, typewriter},
	"fetch.mjs":              {straight, raw, typewriter},
	"eventsource.mjs":        {raw, typewriter},
}

// outcome is what an SDK handed out in all cases of a script on a server.
type outcome map[string][]event

// change is what a server of ours makes of the events of a case. It gets the script's
// outcome straight at the stand-in.
type change func(events []event, all outcome) []event

// same is for what must not change.
func same(events []event, _ outcome) []event { return events }

// asContent is for what only a reader of a whole standard understands, and for an
// answer that breaks off, of which the SDK says nothing or throws an error of the
// network: through us it is as any other chat.
func asContent(_ []event, all outcome) []event { return all["content"] }

// ended is for coze-studio's ending, on which the SDK throws.
func ended(events []event, _ outcome) []event {
	return append(slices.Clone(events[:len(events)-1]), event{nameDone, `"[DONE]"`}, event{nameEnd, "null"})
}

// asPoll is for what coze-studio serves on GET only.
func asPoll(_ []event, all outcome) []event { return all["poll"] }

// expectation is how a case of a script ends straight at the stand-in, and what
// changes through us.
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
	"fetch-event-source.mjs": {
		"content": well, "reasoning": well, "error-json": throws, "cut": {nameThrow, asContent},
	},
	"fetch.mjs": {
		"content": well, "reasoning": well, "surrogates": well, "comments": well, "workflow": well,
		"cut": {nameThrow, asContent},
	},
}

func TestSDKs(t *testing.T) {
	testenv.InstallNPM(t, ".")
	upstream := start(t).Base + "/upstream"
	// Frequent heartbeats, so that each SDK gets some.
	through := []string{"--upstream=" + upstream, "--bot-id=7300000000000000001", "--heartbeat=50ms"}
	proxies := map[string]*testenv.Program{
		raw:        start(t, append(through, "--mode=raw")...),
		typewriter: start(t, append(through, "--mode=typewriter", "--speed=20")...),
	}
	outcomes := play(t, map[string]string{
		straight:   upstream,
		raw:        proxies[raw].Base,
		typewriter: proxies[typewriter].Base,
	})
	for _, mode := range []string{raw, typewriter} {
		for _, script := range slices.Sorted(maps.Keys(expectations)) {
			t.Run(mode+"/"+script, func(t *testing.T) {
				compare(t, expectations[script], outcomes[straight][script], outcomes[mode][script])
			})
		}
		t.Run(mode+"/eventsource.mjs", func(t *testing.T) {
			compareEventSource(t, outcomes[straight]["coze.mjs"], outcomes[mode]["eventsource.mjs"])
		})
		// An answer that nobody waits for any more would be read to its end before
		// the server ends. (The upstream may be seen to have been canceled first.)
		t.Run(mode+"/abort", func(t *testing.T) {
			if got := endings(t, proxies[mode]); got["left"]+got["canceled"] != 1 {
				t.Errorf("streams ended so: %v, want one whose client has left", got)
			}
		})
	}
}

// play runs all scripts on all of their servers, at the same time. What it returns is
// by server and script.
func play(t *testing.T, bases map[string]string) map[string]map[string]outcome {
	type run struct {
		script, server string
		cases          map[string][]line
	}
	var runs []*run
	var all sync.WaitGroup
	for script, servers := range scripts {
		for _, server := range servers {
			r := &run{script: script, server: server}
			runs = append(runs, r)
			all.Go(func() { r.cases = node(t, script, bases[server]) })
		}
	}
	all.Wait()
	out := map[string]map[string]outcome{straight: {}, raw: {}, typewriter: {}}
	for _, r := range runs {
		out[r.server][r.script] = make(outcome)
		for name, lines := range r.cases {
			out[r.server][r.script][name] = normalize(lines)
		}
	}
	return out
}

// compare holds what an SDK handed out through us to what it did straight.
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
			want := expect.change(before, straight)
			checkEqual(t, after, want)
			checkAnswers(t, after)
		})
	}
}

// compareEventSource holds what EventSource got to what the SDK of Coze did, and
// checks that it was told to stop when it reconnected.
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

// checkAnswers checks that the deltas of each answer are together what the completed
// message says.
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
