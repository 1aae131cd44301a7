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

// timeout bounds each wait for a server.
const timeout = 60 * time.Second

// openConcurrency is the number of streams that are opened concurrently.
const openConcurrency = 64

// load holds streams open and counts their events. It does not parse events, so that it
// takes little CPU time from the server.
type load struct {
	events  atomic.Int64
	streams []*streamLoad
	readers sync.WaitGroup
}

// streamLoad is a stream of a load.
type streamLoad struct {
	conn        net.Conn
	events      int
	recordTimes bool
	times       []time.Time // arrival of each character, if recordTimes is set
}

// request describes the requests of a load.
type request struct {
	query       string
	header      string // complete lines
	recordTimes bool   // record the arrival of each character
}

// openLoad opens n streams and waits for the first event of each.
func openLoad(ctx context.Context, address string, a request, n int) (*load, error) {
	l := &load{streams: make([]*streamLoad, n)}
	request := []byte("POST /v3/chat?" + a.query + " HTTP/1.1\r\nHost: " + address + "\r\nContent-Type: application/json\r\n" +
		a.header + "Content-Length: " + strconv.Itoa(len(chatRequest)) + "\r\n\r\n" + chatRequest)
	semaphore := make(chan struct{}, openConcurrency)
	failed := make([]error, n)
	var opened sync.WaitGroup
	for i := range n {
		semaphore <- struct{}{}
		opened.Go(func() {
			defer func() { <-semaphore }()
			l.streams[i], failed[i] = l.open(ctx, address, request, a.recordTimes)
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
	conn, err := (&net.Dialer{Timeout: timeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s := &streamLoad{conn: conn, recordTimes: timed}
	_ = conn.SetReadDeadline(time.Now().Add(timeout)) // an error repeats in Read
	if _, err := conn.Write(request); err != nil {
		return s, err
	}
	buf := make([]byte, 4096)
	for s.events == 0 {
		n, err := conn.Read(buf)
		if err != nil {
			return s, err
		}
		l.count(s, buf[:n])
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
		l.count(s, buf[:n])
	}
}

// count counts the events and characters in received data.
func (l *load) count(s *streamLoad, data []byte) {
	n := bytes.Count(data, []byte{'{'}) // each payload has one brace
	if n == 0 {
		return
	}
	s.events += n
	l.events.Add(int64(n))
	if s.recordTimes {
		now := time.Now()
		for range countCJK(data) {
			s.times = append(s.times, now)
		}
	}
}

// countCJK returns the number of Chinese characters in data. A late event has several.
func countCJK(data []byte) int {
	const lead = 0xE0 // lowest first byte of a sequence of three bytes in UTF-8
	n := 0
	for _, b := range data {
		if b >= lead {
			n++
		}
	}
	return n
}

// close closes all connections.
func (l *load) close() {
	for _, s := range l.streams {
		if s != nil {
			_ = s.conn.Close() // read only
		}
	}
	l.readers.Wait()
}
