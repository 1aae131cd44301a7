package dify

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/jsonx"
	"sse-typewriter/upstream"
)

// The parameters of a note.
const (
	notePath = "path"
	noteUser = "user"
)

// note implements [upstream.Format.Note]: the path of the request and the user. Further
// requests about a task must name the same user. Requests of web apps and of the console name
// none: their credential does.
func note(r upstream.Request) string {
	user := gjson.GetBytes(r.Body, "user").String()
	if r.Method == http.MethodGet {
		query, _ := url.ParseQuery(r.Query) // malformed parameters count as missing
		user = query.Get("user")
	}
	v := url.Values{notePath: {r.Path}}
	if user != "" {
		v.Set(noteUser, user)
	}
	return v.Encode()
}

// task sends further requests about the task of a request.
type task struct {
	client  *upstream.Client
	header  http.Header // credentials
	prefix  string      // of paths
	pattern string      // of the request's path
	user    string
}

func newTask(c *upstream.Client, opening upstream.Opening) task {
	v, _ := url.ParseQuery(opening.Note) // a malformed note has no path
	t := task{client: c, header: credentials(opening.Header), user: v.Get(noteUser)}
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		if prefix, pattern := matchPath(method, v.Get(notePath)); pattern != "" {
			t.prefix, t.pattern = prefix, pattern
		}
	}
	return t
}

// credentials returns a copy of the headers with a credential.
func credentials(header http.Header) http.Header {
	kept := http.Header{}
	for _, name := range []string{"Authorization", "Cookie", "X-App-Code", "X-App-Passport", "X-Csrf-Token"} {
		if values := header.Values(name); len(values) > 0 {
			kept[name] = append([]string(nil), values...)
		}
	}
	return kept
}

// cancel implements [upstream.Format.Cancel].
func cancel(ctx context.Context, c *upstream.Client, opening upstream.Opening, chat upstream.Chat) (upstream.Usage, error) {
	t := newTask(c, opening)
	id, _, _ := strings.Cut(chat.ID, "/")
	path := t.prefix + "/workflows/tasks/" + url.PathEscape(id) + "/stop"
	if t.pattern == pathChat || t.pattern == pathCompletion {
		path = t.prefix + t.pattern + "/" + url.PathEscape(id) + "/stop"
	}
	body := map[string]string{}
	if t.user != "" {
		body["user"] = t.user
	}
	req := upstream.Request{Method: http.MethodPost, Path: path, Header: t.header, Body: jsonx.Marshal(body)}
	req.Header.Set("Content-Type", "application/json")
	reply, err := c.Do(ctx, req)
	if err != nil {
		return upstream.Usage{}, fmt.Errorf("cannot stop task: %w", err)
	}
	defer reply.Close()
	if reply.Status != http.StatusOK {
		return upstream.Usage{}, fmt.Errorf("cannot stop task: upstream answered with status %d", reply.Status)
	}
	return upstream.Usage{}, nil
}

// events requests the rest of the events of a workflow's run.
func (t task) events(ctx context.Context, run string) (*upstream.Reply, error) {
	query := url.Values{"include_state_snapshot": {"true"}}
	if t.user != "" {
		query.Set("user", t.user)
	}
	return t.client.Do(ctx, upstream.Request{
		Method: http.MethodGet, Format: rest, Path: t.prefix + "/workflow/" + url.PathEscape(run) + "/events",
		Query: query.Encode(), Header: t.header.Clone(),
	})
}

// maxReplyBytes bounds the size of the state of a run.
const maxReplyBytes = 16 << 20

// state requests the state of a workflow's run, for a service without the events.
func (t task) state(ctx context.Context, run string) (gjson.Result, error) {
	reply, err := t.client.Do(ctx, upstream.Request{
		Method: http.MethodGet, Path: t.prefix + "/workflows/run/" + url.PathEscape(run), Header: t.header.Clone(),
	})
	if err != nil {
		return gjson.Result{}, err
	}
	defer reply.Close()
	body, err := io.ReadAll(io.LimitReader(reply.Body, maxReplyBytes))
	switch {
	case err != nil:
		return gjson.Result{}, fmt.Errorf("cannot read the reply: %w", err)
	case reply.Status != http.StatusOK || !gjson.ValidBytes(body):
		return gjson.Result{}, upstream.NewReplyError(reply.Status, readError(reply.Status, body))
	}
	return gjson.ParseBytes(body), nil
}
