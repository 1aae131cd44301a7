package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"sse-typewriter/typewriter"
)

// log measures the log in a process of its own, so that its heap holds nothing else.
func (b *bench) log() error {
	out, err := exec.CommandContext(b.ctx, b.self, "log").Output()
	if err != nil {
		return err
	}
	var heap, size float64
	if _, err := fmt.Sscan(string(out), &heap, &size); err != nil {
		return fmt.Errorf("cannot read %q: %w", out, err)
	}
	b.rows = append(b.rows, row{
		what: "The log in memory, a character of CJK text, on the heap",
		ours: fmt.Sprintf("%.1f bytes", heap), must: "≤ 12 bytes", ok: heap <= 12,
		others: []string{fmt.Sprintf("%.1f of them in use", size)},
	})
	return nil
}

// measureLog prints how many bytes a character of an answer takes in the log: of the
// heap, and by the log's own account.
func measureLog([]string) error {
	const logs, chars = 1000, 1600
	deltas := deltasOf(answer(chars))
	frame := &typewriter.Frame{Name: eventDelta, Head: head, Tail: tail, Channel: "answer"}
	kept := make([]*typewriter.Log, logs)
	before := heap()
	for i := range kept {
		kept[i] = typewriter.NewLog(typewriter.LogOptions{})
		for _, text := range deltas {
			if err := kept[i].Append(typewriter.Event{Frame: frame, Text: text}); err != nil {
				return err
			}
		}
		kept[i].End()
	}
	used := heap() - before
	_, err := fmt.Println(float64(used)/logs/chars, float64(kept[0].Size())/chars)
	runtime.KeepAlive(kept)
	return err
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// usedByRedis returns how much memory a Redis uses for what it holds, in bytes.
func usedByRedis(ctx context.Context, address string) (int, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close() //nolint:errcheck // it is only asked
	if _, err := io.WriteString(conn, "INFO memory\r\n"); err != nil {
		return 0, err
	}
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return 0, fmt.Errorf("cannot ask Redis: %w", err)
		}
		if used, ok := strings.CutPrefix(line, "used_memory_dataset:"); ok {
			return strconv.Atoi(strings.TrimSpace(used))
		}
	}
}
