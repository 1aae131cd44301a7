package terminal

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// inConversation is a delta of a server with conversations.
func inConversation(id, text string) string {
	return "event:conversation.message.delta\ndata:{\"type\":\"answer\",\"conversation_id\":\"" + id + "\",\"content\":\"" + text + "\"}\n\n"
}

// Each server has a last conversation, which --continue continues.
func TestContinue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "conversations.json")
	ask := func(o Options, reply string) (request, out string, err error) {
		t.Helper()
		s := newServer(stream(reply+done, nil))
		var text strings.Builder
		o.Message = []string{"hi"}
		err = Run(t.Context(), o, Terminal{Out: &text, Rich: true, Conversations: path}, s)
		return strings.Join(s.lines(), " "), text.String(), err
	}
	const told = "a\n\nconversation 1, to be continued with --continue\n"
	for _, test := range []struct {
		name    string
		options Options
		reply   string
		request string
		out     string
	}{
		{"new", Options{URL: "http://h"}, inConversation("1", "a"), "POST http://h/v3/chat", told},
		{"another server", Options{URL: "http://h2"}, inConversation("2", "a"), "POST http://h2/v3/chat", strings.ReplaceAll(told, "1", "2")},
		{"continued", Options{URL: "http://h/", Continue: true}, inConversation("1", "a"), "POST http://h/v3/chat?conversation_id=1", "a\n"},
		{"by id", Options{URL: "http://h", ConversationID: "3"}, inConversation("3", "a"), "POST http://h/v3/chat?conversation_id=3", "a\n"},
		{"without conversations", Options{URL: "http://h"}, delta(1, "a"), "POST http://h/v3/chat", "a\n"},
		{"last one", Options{URL: "http://h", Continue: true}, inConversation("1", "a"), "POST http://h/v3/chat?conversation_id=1", "a\n"},
	} {
		request, out, err := ask(test.options, test.reply)
		if request != test.request || out != test.out || err != nil {
			t.Errorf("%s: sent %q, shows %q, %v; want %q, %q", test.name, request, out, err, test.request, test.out)
		}
	}

	_, _, err := ask(Options{URL: "http://other", Continue: true}, "")
	if err == nil || !strings.Contains(err.Error(), "no conversation with http://other") {
		t.Errorf("without a conversation: %v", err)
	}
	_, _, err = ask(Options{URL: "http://h", Continue: true, ConversationID: "1"}, "")
	if err == nil || !strings.Contains(err.Error(), "--conversation-id") {
		t.Errorf("with both flags: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	const newer = `{"format":"sse-typewriter conversations","version":2,"last":{"http://h":"9"}}`
	if err := os.WriteFile(path, []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ask(Options{URL: "http://h", Continue: true}, ""); err == nil || !strings.Contains(err.Error(), "version 1") {
		t.Errorf("with a newer file: %v", err)
	}
	if _, out, err := ask(Options{URL: "http://h"}, inConversation("1", "a")); err != nil || out != told {
		t.Errorf("with a newer file: shows %q, %v", out, err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != newer {
		t.Errorf("the newer file became %s, %v", content, err)
	}
}

// A question to a server without conversations brings the messages before.
func TestHistory(t *testing.T) {
	server := newServer(stream(delta(1, "a")+delta(2, "b")+ends+done, nil), stream(ends+done, nil), stream(inConversation("7", "c")+done, nil), stream(done, nil))
	s, err := newSession(Options{URL: "http://h"}, Terminal{Out: io.Discard}, server)
	if err != nil {
		t.Fatal(err)
	}
	for _, question := range []string{"one", "two", "three", "four"} {
		if err := s.ask(t.Context(), t.Context(), question); err != nil {
			t.Fatal(err)
		}
	}
	const one = `{"role":"user","content":"one","content_type":"text"},{"role":"assistant","content":"ab","content_type":"text"},`
	const two = `{"role":"user","content":"two","content_type":"text"},`
	for i, want := range []string{
		"one",
		`{"additional_messages":[` + one + strings.TrimSuffix(two, ",") + `],"auto_save_history":true,"stream":true,"user_id":"sse-typewriter"}`,
		`{"additional_messages":[` + one + two + `{"role":"assistant","content":"all","content_type":"text"},{"role":"user","content":"three","content_type":"text"}],"auto_save_history":true,"stream":true,"user_id":"sse-typewriter"}`,
	} {
		if got := server.seen[i].body; got != want {
			t.Errorf("question %d is %s, want %s", i, got, want)
		}
	}
	if got := server.seen[3].line; got != "POST http://h/v3/chat?conversation_id=7" {
		t.Errorf("in a conversation came %s", got)
	}
}

// The first interrupt stops an answer, the second one the wait for a server that hangs.
func TestInterruptedReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newServer(stream(delta(1, "a"), errWait), hang)
		s, err := newSession(Options{URL: "http://h"}, Terminal{Out: io.Discard}, server)
		if err != nil {
			t.Fatal(err)
		}
		interrupts := make(chan os.Signal)
		go func() { // ends with the second interrupt
			time.Sleep(time.Second)
			interrupts <- os.Interrupt
			time.Sleep(time.Second)
			interrupts <- os.Interrupt
		}()
		count := s.reply(t.Context(), "hi", interrupts)
		if took := time.Since(server.begun); count != 2 || took != 2*time.Second {
			t.Errorf("ended after %d interrupts and %v, want 2 and 2s", count, took)
		}
		if got := server.lines(); len(got) != 2 || got[1] != deleted {
			t.Errorf("the server got %q", got)
		}
	})
}
