package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

// What the synthetic upstream plays, by the query parameter play.
const (
	playWhole = "whole" // the answer at once, and its end
	playLive  = "live"  // 12 deltas a second, without end
	playFirst = "first" // a think, then one delta that tells when, and the end
	playFlood = "flood" // events one by one, as fast as they are taken, without end
)

// serve prints where a handler is served and serves it.
func serve(handler http.Handler) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it lives as long as the process
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	announce(listener)
	return (&http.Server{Handler: handler}).Serve(listener)
}

// announce tells the runner where a role serves.
func announce(listener net.Listener) { fmt.Printf("http://%s\n", listener.Addr()) }

// serveUpstream is the synthetic AI service.
func serveUpstream([]string) error {
	answers := map[string][]byte{"": wholeAnswer(1600), "4000": wholeAnswer(4000)}
	return serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		received := time.Now()
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		s := stream{w, http.NewResponseController(w)}
		switch r.URL.Query().Get("play") {
		case playLive:
			s.live()
		case playFirst:
			s.first(received)
		case playFlood:
			s.flood()
		default:
			_ = s.send(answers[r.URL.Query().Get("chars")]) // the client may leave
		}
	}))
}

// wholeAnswer is an answer of so many characters as it stands on the wire.
func wholeAnswer(chars int) []byte {
	var out []byte
	for _, delta := range deltasOf(answer(chars)) {
		out = appendEvent(out, delta)
	}
	return append(out, ending...)
}

// stream is one answer on its way out.
type stream struct {
	w     http.ResponseWriter
	flush *http.ResponseController
}

func (s stream) send(p []byte) error {
	if _, err := s.w.Write(p); err != nil {
		return err
	}
	return s.flush.Flush()
}

// live sends deltas at the rate of a model at work. A client that left is found by the
// write that fails.
func (s stream) live() {
	const each = time.Second / 12
	deltas := deltasOf(answer(1600))
	time.Sleep(rand.N(each)) // or streams that began together would go on so
	var buf []byte
	for i, next := 0, time.Now(); ; i, next = i+1, next.Add(each) {
		time.Sleep(time.Until(next))
		buf = appendEvent(buf[:0], deltas[i%len(deltas)])
		if s.send(buf) != nil {
			return
		}
	}
}

// first sends one delta after a while, which tells in its payload how long it was.
func (s stream) first(received time.Time) {
	time.Sleep(between(50*time.Millisecond, 150*time.Millisecond))
	event := "event:" + eventDelta + "\ndata:" + `{"id":"1","thought":"` + strconv.FormatInt(int64(time.Since(received)), 10) +
		`","role":"assistant","type":"answer","content":"好","content_type":"text"}` + "\n\n"
	if s.send([]byte(event)) == nil {
		_ = s.send([]byte(ending)) // the client may have left
	}
}

// flood sends events as fast as they are taken, each by a write of its own, as an AI
// service does.
func (s stream) flood() {
	event := appendEvent(nil, "清晨的")
	for s.send(event) == nil { //nolint:revive // the condition does the work
	}
}
