package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Values of the query parameter play select the answer of the synthetic upstream.
const (
	playWhole = "whole" // the whole answer at once, and the end
	playLive  = "live"  // 12 deltas per second, without end
	playFirst = "first" // after a random delay a delta that reports the delay, and the end
	playFlood = "flood" // single events as fast as possible, without end
)

// serve serves a handler on a free port and prints the address.
func serve(handler http.Handler) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // open until the process ends
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	printAddress(listener)
	return (&http.Server{Handler: handler}).Serve(listener)
}

// printAddress prints the address of a role, which [start] reads.
func printAddress(listener net.Listener) { fmt.Printf("http://%s\n", listener.Addr()) }

// serveUpstream is the synthetic upstream.
func serveUpstream([]string) error {
	answers := map[string][]byte{"": encodeAnswer(1600), "4000": encodeAnswer(4000)}
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
			_ = s.send(answers[r.URL.Query().Get("chars")]) // fails if the client disconnects
		}
	}))
}

// encodeAnswer returns the encoded stream of an answer with the given number of characters.
func encodeAnswer(chars int) []byte {
	var out []byte
	for _, delta := range splitDeltas(answer(chars)) {
		out = appendEvent(out, delta)
	}
	return append(out, streamEnd...)
}

// stream writes a response, and flushes each write.
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

// live sends deltas at the rate of a model until the client disconnects.
func (s stream) live() {
	const each = time.Second / 12
	deltas := splitDeltas(answer(1600))
	time.Sleep(rand.N(each)) // spreads streams that began together
	var buf []byte
	for i, next := 0, time.Now(); ; i, next = i+1, next.Add(each) {
		time.Sleep(time.Until(next))
		buf = appendEvent(buf[:0], deltas[i%len(deltas)])
		if s.send(buf) != nil {
			return
		}
	}
}

// first sends a delta after a random delay since the request was received. The payload
// reports the actual delay.
func (s stream) first(received time.Time) {
	time.Sleep(between(50*time.Millisecond, 150*time.Millisecond))
	event := "event:" + eventDelta + "\ndata:" + `{"id":"1","delay":"` + strconv.FormatInt(int64(time.Since(received)), 10) +
		`","role":"assistant","type":"answer","content":"好","content_type":"text"}` + "\n\n"
	if s.send([]byte(event)) == nil {
		_ = s.send([]byte(streamEnd)) // fails if the client has disconnected
	}
}

// flood sends events as fast as possible, each in a separate write like an AI service.
func (s stream) flood() {
	event := appendEvent(nil, "清晨的")
	for s.send(event) == nil { //nolint:revive // the condition does the work
	}
}
