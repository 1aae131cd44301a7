package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// patience bounds waits for things that must happen.
const patience = 60 * time.Second

// opening is how many streams are opened at a time.
const opening = 64

// load holds streams open and counts the events that they bring, without a look at
// what they are: it must cost little beside the server.
type load struct {
	events  atomic.Int64
	streams []*streamLoad
	readers sync.WaitGroup
}

// streamLoad is one of the streams.
type streamLoad struct {
	conn  net.Conn
	n     int
	timed bool
	at    []time.Time // of each character, if it is timed
}

// ask is what a load asks a server for.
type ask struct {
	query  string
	header string // whole lines
	timed  bool   // the time of each character is kept
}

// openLoad opens n streams and returns when each has brought something.
func openLoad(ctx context.Context, address string, a ask, n int) (*load, error) {
	l := &load{streams: make([]*streamLoad, n)}
	request := []byte("POST /v3/chat?" + a.query + " HTTP/1.1\r\nHost: " + address + "\r\nContent-Type: application/json\r\n" +
		a.header + "Content-Length: " + strconv.Itoa(len(question)) + "\r\n\r\n" + question)
	turns := make(chan struct{}, opening)
	failed := make([]error, n)
	var opened sync.WaitGroup
	for i := range n {
		turns <- struct{}{}
		opened.Go(func() {
			defer func() { <-turns }()
			l.streams[i], failed[i] = l.open(ctx, address, request, a.timed)
		})
	}
	opened.Wait()
	for i, s := range l.streams {
		if failed[i] != nil {
			l.close()
			return nil, fmt.Errorf("cannot open stream %d of %d: %w", i, n, failed[i])
		}
		l.readers.Go(func() { l.read(s) }) // ends when the connection is closed
	}
	return l, nil
}

// open opens a stream and waits for its first event.
func (l *load) open(ctx context.Context, address string, request []byte, timed bool) (*streamLoad, error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s := &streamLoad{conn: conn, timed: timed}
	_ = conn.SetReadDeadline(time.Now().Add(patience)) // an error shows when it is read
	if _, err := conn.Write(request); err != nil {
		return s, err
	}
	buf := make([]byte, 4096)
	for s.n == 0 {
		n, err := conn.Read(buf)
		if err != nil {
			return s, err
		}
		l.got(s, buf[:n])
	}
	return s, conn.SetReadDeadline(time.Time{})
}

func (l *load) read(s *streamLoad) {
	buf := make([]byte, 4096)
	for {
		n, err := s.conn.Read(buf)
		if err != nil {
			return
		}
		l.got(s, buf[:n])
	}
}

// got counts what a stream brought.
func (l *load) got(s *streamLoad, data []byte) {
	n := bytes.Count(data, []byte{'{'}) // the payload of each event has one
	if n == 0 {
		return
	}
	s.n += n
	l.events.Add(int64(n))
	if s.timed {
		now := time.Now()
		for range characters(data) {
			s.at = append(s.at, now)
		}
	}
}

// characters counts Chinese characters: several share an event when it is late.
func characters(data []byte) int {
	const lead = 0xE0 // the least first byte of three in UTF-8
	n := 0
	for _, b := range data {
		if b >= lead {
			n++
		}
	}
	return n
}

// close leaves all streams.
func (l *load) close() {
	for _, s := range l.streams {
		if s != nil {
			_ = s.conn.Close() // it was only read
		}
	}
	l.readers.Wait()
}
