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

// log measures the memory of [typewriter.Log] in a separate process, whose heap holds
// nothing else.
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
		metric: "Log in memory, per character of CJK text, on the heap",
		ours:   fmt.Sprintf("%.1f bytes", heap), target: "≤ 12 bytes", met: heap <= 12,
		others: []string{fmt.Sprintf("%.1f as counted by the log", size)},
	})
	return nil
}

// measureLog prints the bytes per character of logs with answers: on the heap, and as
// counted by the log.
func measureLog([]string) error {
	const logs, chars = 1000, 1600
	deltas := splitDeltas(answer(chars))
	frame := &typewriter.Frame{Name: eventDelta, Head: head, Tail: tail, Channel: "answer"}
	kept := make([]*typewriter.Log, logs)
	before := heapInUse()
	for i := range kept {
		kept[i] = typewriter.NewLog(typewriter.LogOptions{})
		for _, text := range deltas {
			if err := kept[i].Append(typewriter.Event{Frame: frame, Text: text}); err != nil {
				return err
			}
		}
		kept[i].End()
	}
	used := heapInUse() - before
	_, err := fmt.Println(float64(used)/logs/chars, float64(kept[0].Size())/chars)
	runtime.KeepAlive(kept)
	return err
}

// heapInUse collects garbage and returns the allocated bytes of the heap.
func heapInUse() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// usedByRedis returns the memory that a Redis uses for its data, in bytes.
func usedByRedis(ctx context.Context, address string) (int, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close() //nolint:errcheck // nothing written could be lost
	if _, err := io.WriteString(conn, "INFO memory\r\n"); err != nil {
		return 0, err
	}
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return 0, fmt.Errorf("cannot read Redis statistics: %w", err)
		}
		if used, ok := strings.CutPrefix(line, "used_memory_dataset:"); ok {
			return strconv.Atoi(strings.TrimSpace(used))
		}
	}
}
