package hertzio

import (
	"bytes"
	"io"
	"net/http/httputil"
	"testing"
)

// Chunks of all sizes hold what was written, and a large buffer is freed.
func TestChunks(t *testing.T) {
	for _, size := range []int{1, 15, 16, 255, 4096, maxBuffer, maxBuffer + 1, 1 << 20} {
		want := bytes.Repeat([]byte("x"), size)
		sent := &bytes.Buffer{}
		w := &ResponseWriter{w: &connWriter{conn: sent, trailer: lastChunk}}
		w.setChunked()
		for range 2 {
			if _, err := w.Write(want); err != nil || w.Flush() != nil {
				t.Fatal(err, w.err)
			}
		}
		if err := w.Finalize(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(httputil.NewChunkedReader(sent))
		if err != nil || !bytes.Equal(got, append(want, want...)) {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
		if large := cap(w.buf) > 2*maxBuffer; large {
			t.Errorf("%d bytes: a buffer of %d is retained", size, cap(w.buf))
		}
	}
}

// Events that are sent once they fill the buffer do not make it grow.
func TestFlushIfFull(t *testing.T) {
	w := &ResponseWriter{w: &connWriter{conn: io.Discard}}
	w.setChunked()
	for range 1000 {
		if _, err := w.Write(append(w.AvailableBuffer(), "0123456789"...)); err != nil || w.FlushIfFull() != nil {
			t.Fatal(err, w.err)
		}
		if w.Buffered() > maxBuffer/2 {
			t.Fatalf("%d bytes are buffered", w.Buffered())
		}
	}
	if _, err := w.Write(make([]byte, 10*maxBuffer)); err != nil || w.FlushIfFull() != nil || w.Buffered() != 0 {
		t.Errorf("%d bytes are buffered", w.Buffered())
	}
	if cap(w.buf) > 2*maxBuffer {
		t.Errorf("a buffer of %d is retained", cap(w.buf))
	}
}
