package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"github.com/tmaxmax/go-sse"
)

// Times of readers.
const (
	answerTime = 2 * time.Minute // limit of one answer
	retryTime  = 500 * time.Millisecond
)

// reader asks a question and follows the answer, over as many connections as are needed.
type reader struct {
	replicas *replicas
	format   format
	rand     *rand.Rand
	question string

	cuts  int  // remaining cuts of the connection
	stops bool // stops the answer in the middle

	stream string // id
	last   string // event id
	text   strings.Builder

	ended, stopped bool
	failed         string // the error event
	journal        []string
}

func newReader(r *replicas, random *rand.Rand, question string) *reader {
	return &reader{
		replicas: r, rand: random, question: question, format: formats[random.IntN(len(formats))],
		cuts: random.IntN(4), stops: random.IntN(10) == 0,
	}
}

func (r *reader) note(format string, args ...any) {
	r.journal = append(r.journal, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

func (r *reader) isOver() bool { return r.ended || r.failed != "" }

// run follows the answer to the end.
func (r *reader) run(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if r.rand.IntN(5) == 0 { // the same POST twice, as by an impatient SDK
		go r.repeat(ctx)
	}
	for !r.isOver() && ctx.Err() == nil {
		base := r.replicas.any(r.rand)
		r.note("%s from %q: %v", base, r.last, r.connect(ctx, base))
		if !r.isOver() {
			time.Sleep(time.Duration(r.rand.Int64N(int64(retryTime))))
		}
	}
}

// repeat sends the question once more, and leaves after the header.
func (r *reader) repeat(ctx context.Context) {
	req, err := r.post(ctx, r.replicas.first())
	if err != nil {
		return
	}
	if res, err := http.DefaultClient.Do(req); err == nil {
		_ = res.Body.Close()
	}
}

// post returns the request with the question.
func (r *reader) post(ctx context.Context, base string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+r.format.path+"?mode=raw&"+r.format.query, strings.NewReader(r.format.body(r.question)))
	if err != nil {
		return nil, err
	}
	if r.format.header != nil {
		req.Header = r.format.header.Clone()
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+r.question)
	req.Header.Set("Accept", "text/event-stream") // also of lines of JSON
	req.Header.Set("Typewriter-Event-Ids", "on")
	req.Header.Set("Idempotency-Key", r.question)
	return req, nil
}

// get returns the request for the rest of the answer.
func (r *reader) get(ctx context.Context, base, after string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/typewriter/streams/"+r.stream+"?mode=raw", http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+r.question)
	req.Header.Set("Accept", "text/event-stream")
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	return req, nil
}

// connect sends one request and reads the reply, perhaps not to the end. The error describes
// the end of the connection and is never nil.
func (r *reader) connect(ctx context.Context, base string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := r.get(ctx, base, r.last)
	if r.last == "" {
		r.text.Reset()
		req, err = r.post(ctx, base)
	}
	if err != nil {
		return err
	}
	limit := -1
	if r.cuts > 0 {
		r.cuts--
		limit = r.rand.IntN(40)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(res.Body) // for the journal
		if res.StatusCode == http.StatusNoContent {
			if why := res.Header.Get("Typewriter-Resume"); r.stopped && why == "finished" {
				r.ended = true // some formats have no event for the end of a stopped answer
			} else {
				r.failed = "204 " + why
			}
		}
		return fmt.Errorf("%s %s", res.Status, body)
	}
	if id := res.Header.Get("Typewriter-Stream"); id != "" { // none while the stream is unavailable
		r.stream = id
	}
	return r.read(ctx, base, res.Body, limit)
}

// read reads a number of events; negative reads to the end.
func (r *reader) read(ctx context.Context, base string, body io.Reader, limit int) error {
	n := 0
	for e, err := range sse.Read(body, nil) {
		if err != nil {
			return err
		}
		if e.Data == "" {
			continue
		}
		n++
		r.take(e)
		switch {
		case r.isOver():
			return io.EOF
		case r.stops && n > 10 && !r.stopped:
			r.stopped = true
			r.stop(ctx, base)
		case n == limit:
			return errors.New("cut by the reader")
		}
	}
	return io.ErrUnexpectedEOF
}

// take records an event.
func (r *reader) take(e sse.Event) {
	if e.LastEventID != "" {
		r.last = e.LastEventID
	}
	data := gjson.Parse(e.Data)
	r.text.WriteString(r.format.text(e.Type, data))
	r.ended = r.format.isEnd(e.Type, e.Data)
	if !r.ended && r.format.isError(e.Type, data) {
		r.failed = e.Data
	}
}

func (r *reader) stop(ctx context.Context, base string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, base+"/typewriter/streams/"+r.stream, http.NoBody)
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "Bearer "+r.question)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.note("stop: %v", err)
		r.stopped = false // at the next event
		return
	}
	_ = res.Body.Close()
	r.note("stop: %s", res.Status)
}

// whole returns the text of the complete stream, as another viewer reads it.
func (r *reader) whole(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	for {
		text, isAvailable, err := r.view(ctx)
		if err != nil {
			return err.Error()
		}
		if isAvailable {
			return text
		}
		time.Sleep(retryTime)
	}
}

// view reads the stream from the beginning. The stream is not available while Redis is late:
// the reply is then empty, for an EventSource to come back.
func (r *reader) view(ctx context.Context) (text string, isAvailable bool, err error) {
	req, err := r.get(ctx, r.replicas.first(), "")
	if err != nil {
		return "", false, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", false, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "", false, err
	}
	return r.format.textOf(string(body)), res.Header.Get("Typewriter-Stream") != "" || res.StatusCode != http.StatusOK, nil
}
