package main

import (
	"flag"
	"fmt"
	"net"
	"strconv"
	"time"
)

// serveFloor is the minimum of a server that paces streams: per stream a goroutine that
// sleeps and writes the same bytes to a bare connection. The server has no upstream and
// does not parse the request.
func serveFloor(args []string) error {
	flags := flag.NewFlagSet("floor", flag.ContinueOnError)
	fixed := flags.Duration("pause", 0, "pause after each character (0 means natural pauses)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // open until the process ends
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	printAddress(listener)
	text := []rune(answer(1600))
	for {
		conn, err := listener.Accept()
		if err != nil {
			return fmt.Errorf("cannot accept: %w", err)
		}
		go typeBare(conn, text, *fixed) // ends when the client disconnects
	}
}

// typeBare types a text repeatedly until the client disconnects.
func typeBare(conn net.Conn, text []rune, fixed time.Duration) {
	defer conn.Close() //nolint:errcheck // nothing is lost
	const header = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
	buf := make([]byte, 1024)
	if _, err := conn.Read(buf); err != nil {
		return
	}
	if _, err := conn.Write([]byte(header)); err != nil {
		return
	}
	var event []byte
	for i, due := 0, time.Now(); ; i++ {
		char := text[i%len(text)]
		event = appendEvent(event[:0], string(char))
		buf = strconv.AppendInt(buf[:0], int64(len(event)), 16)
		buf = append(buf, "\r\n"...)
		buf = append(buf, event...)
		buf = append(buf, "\r\n"...)
		if _, err := conn.Write(buf); err != nil {
			return
		}
		pause := fixed
		if pause == 0 {
			pause = pauseAfter(char)
		}
		due = due.Add(pause)
		time.Sleep(time.Until(due))
	}
}
