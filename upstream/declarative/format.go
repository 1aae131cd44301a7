package declarative

import (
	"cmp"
	"context"
	"crypto/rand"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// Options are the settings of a format.
type Options struct {
	// Model, SystemPrompt, BotID and UserID are those of questions; each may be empty.
	Model, SystemPrompt, BotID, UserID string
}

// New returns the format that a description describes.
func (d *Description) New(name string, o Options) *upstream.Format {
	f := &upstream.Format{
		Name:            name,
		Route:           d.route,
		Framing:         framings[d.Framing],
		NewDecoder:      func() upstream.Decoder { return d.newDecoder(nil) },
		MinInterval:     d.minInterval(),
		EventNames:      d.eventNames(),
		Done:            d.done(),
		ErrorEvents:     d.Error.events,
		ErrorBody:       d.Error.body,
		ReadError:       d.Error.readBody,
		BreaksOff:       true, // a proper end looks like the end of the answer
		RequestIDHeader: cmp.Or(d.RequestID, "X-Request-Id"),
		Heartbeat:       d.heartbeat(),
	}
	for _, c := range d.Credentials {
		f.Credentials = append(f.Credentials, upstream.Credential{Header: c.Header, Prefix: c.Prefix, Query: c.Query})
	}
	if d.Incremental != nil {
		f.NewDecoderFor = d.newDecoder
	}
	if d.Ask != nil {
		f.Ask = func(q upstream.Question) (upstream.Request, error) { return d.ask(o, q) }
	}
	if d.Stop != nil {
		f.Cancel = d.stop
	}
	return f
}

// newDecoder returns a decoder for the reply to a request with a body, or to an unknown
// request.
func (d *Description) newDecoder(body []byte) upstream.Decoder {
	decoder := &decoder{Description: d}
	if d.Snapshots == "yes" {
		decoder.snapshots.mode = repeating
	}
	if gjson.ValidBytes(body) {
		switch treeOf(gjson.ParseBytes(body)).first(d.Incremental).Type {
		case gjson.True:
			decoder.snapshots.mode = increments
		case gjson.False:
			decoder.snapshots.mode = repeating
		}
	}
	return decoder
}

// route implements [upstream.Format.Route].
func (d *Description) route(r upstream.RequestHead) string {
	if r.Method != http.MethodPost || d.Header != "" && r.Header(d.Header) == "" {
		return ""
	}
	for _, pattern := range d.Paths {
		if matchPath(pattern, r.Path) {
			return pattern
		}
	}
	return ""
}

// matchPath reports whether a path matches a pattern of [Description.Paths].
func matchPath(pattern, path string) bool {
	segments := strings.Split(path, "/")
	suffix, anyPrefix := strings.CutPrefix(pattern, "*")
	want := strings.Split(suffix, "/")
	if anyPrefix && len(segments) > len(want) {
		segments = segments[len(segments)-len(want)+1:]
		want = want[1:]
	}
	return slices.EqualFunc(want, segments, func(want, got string) bool { return want == got || want == "*" && got != "" })
}

// eventNames returns the names of events in the description, for metrics.
func (d *Description) eventNames() []string {
	if d.Type != nil {
		return nil
	}
	var names []string
	for _, t := range d.Texts {
		names = append(names, t.Types...)
	}
	for _, s := range slices.Concat(d.Done, d.Error.Signs) {
		if s.Type != "" {
			names = append(names, s.Type)
		}
	}
	if d.Error.Event != "" {
		names = append(names, d.Error.Event)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// done returns the event that ends a stopped stream, or the zero value.
func (d *Description) done() typewriter.Event {
	for _, s := range d.Done {
		if s.Data != "" {
			return upstream.Pass("", s.Data, nil).Event
		}
	}
	return typewriter.Event{}
}

// snapshotInterval is the minimum interval of a format with snapshots: each event repeats the
// text before, so 25 events a second cost a fifth of the default's traffic.
const snapshotInterval = 40 * time.Millisecond

func (d *Description) minInterval() time.Duration {
	if d.MinInterval == 0 && d.Snapshots != "" && d.Snapshots != "no" {
		return snapshotInterval
	}
	return d.MinInterval
}

func (d *Description) heartbeat() string {
	switch {
	case d.Heartbeat != nil:
		return *d.Heartbeat
	case d.Framing == "ndjson":
		return " "
	default:
		return "\n\n"
	}
}

// ask implements [upstream.Format.Ask].
func (d *Description) ask(o Options, q upstream.Question) (upstream.Request, error) {
	if o.Model == "" && strings.Contains(d.Ask.Path+d.Ask.Body, "{model}") {
		return upstream.Request{}, upstream.ErrNoModel
	}
	return d.Ask.build(o.askValues(q)), nil
}

// askValues returns the values of the placeholders of a question.
func (o Options) askValues(q upstream.Question) map[string]any {
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	var all []message
	question := ""
	for _, m := range q.Conversation(o.SystemPrompt) {
		all = append(all, message{m.Role, m.Text})
		question = m.Text
	}
	return map[string]any{
		"messages": all, "question": question, "model": o.Model, "system": o.SystemPrompt,
		"bot": cmp.Or(q.Bot, o.BotID), "user": cmp.Or(q.User, o.UserID), "random": strings.ToLower(rand.Text()),
	}
}

// stopValues returns the values of the placeholders of a request that stops a chat.
func stopValues(chat string) map[string]any { return map[string]any{"chat": chat} }

// build returns the request with the values of the placeholders.
func (r *Request) build(values map[string]any) upstream.Request {
	header := http.Header{"Content-Type": {"application/json"}}
	for name, value := range r.Headers {
		header.Set(name, value)
	}
	path := r.Path
	for name, value := range values {
		if text, ok := value.(string); ok {
			path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(text))
		}
	}
	return upstream.Request{Method: http.MethodPost, Path: path, Header: header, Body: fill(r.Body, values)}
}

// stop implements [upstream.Format.Cancel].
func (d *Description) stop(ctx context.Context, c *upstream.Client, opening upstream.Opening, chat upstream.Chat) (upstream.Usage, error) {
	req := d.Stop.build(stopValues(chat.ID))
	header := opening.Header.Clone()
	maps.Copy(header, req.Header)
	req.Header = header
	reply, err := c.Do(ctx, req)
	if err != nil {
		return upstream.Usage{}, err
	}
	reply.Close()
	return upstream.Usage{}, nil
}
