package promises

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"
)

var viewerPromises = []promise{
	{"viewers read the same at their own tempo", viewersReadTheSame},
	{"pacing changes no text", pacingChangesNoText},
	{"a viewer that leaves disturbs nobody", leavingDisturbsNobody},
	{"stop ends the answer of every viewer", stopEndsEveryViewer},
	{"a stopped stream ends where its reader was", stopPoint},
	{"skip sends the rest at once", skipSendsTheRest},
	{"a stream is private to its credential", streamIsPrivate},
	{"a link opens one stream", linkOpensOneStream},
	{"streams are not cached or buffered by proxies", streamsAreNotCached},
}

// viewersReadTheSame reads a running answer with several tempos at a time.
func viewersReadTheSame(c *client) {
	part := c.start(2, raw)
	tempos := []string{raw, smooth, "mode=typewriter&speed=20", "unit=word&speed=20", "markdown=on&speed=20"}
	texts := make([]string, len(tempos))
	var viewers sync.WaitGroup
	for i, tempo := range tempos {
		viewers.Go(func() { texts[i] = c.view(part.id, "", tempo).text() })
	}
	viewers.Wait()
	for i, text := range texts {
		if text != texts[0] || text == "\x00" {
			c.Errorf("%s shows %q, %s %q", tempos[i], text, tempos[0], texts[0])
		}
	}
}

// pacingChangesNoText compares the events without text, too.
func pacingChangesNoText(c *client) {
	paced := c.start(0, smooth)
	straight := c.view(paced.id, "", raw)
	c.wantJoined(straight, 0, paced)
	if len(paced.events) <= len(straight.events) {
		c.Errorf("%d events paced, %d raw", len(paced.events), len(straight.events))
	}
}

func leavingDisturbsNobody(c *client) {
	part := c.start(2, raw)
	stays := make(chan stream, 1)
	go func() { stays <- c.view(part.id, "", raw) }()
	for range 5 {
		c.read(3, http.MethodGet, address(part.id)+"?"+raw, "")
	}
	if got := <-stays; !got.isDone() {
		c.Errorf("the viewer that stayed has read %q and no end", got.text())
	}
}

func stopEndsEveryViewer(c *client) {
	part := c.start(3, raw)
	var viewers sync.WaitGroup
	ended := make([]stream, 3)
	for i := range ended {
		viewers.Go(func() { ended[i] = c.view(part.id, "", raw) })
	}
	if got := c.do(http.MethodDelete, address(part.id), ""); got.status/100 != 2 {
		c.Errorf("DELETE: %d %s", got.status, got.body)
	}
	viewers.Wait()
	for _, s := range ended {
		if !s.isDone() {
			c.Errorf("a viewer of the stopped answer read %d events and no end", len(s.events))
		}
	}
}

func stopPoint(c *client) {
	part := c.start(8, smooth)
	last := part.events[len(part.events)-1].LastEventID
	got := c.do(http.MethodDelete, address(part.id)+"?at="+url.QueryEscape(last), "")
	if got.status != http.StatusOK || !gjson.Get(got.body, "graphemes").Exists() {
		c.Fatalf("DELETE: %d %s", got.status, got.body)
	}
	later := c.view(part.id, "", raw)
	if later.text() != part.text() || !later.isDone() {
		c.Errorf("a later viewer reads %q, the reader had %q", later.text(), part.text())
	}
}

func skipSendsTheRest(c *client) {
	part := c.start(2, "mode=typewriter&max_lag=0")
	rest := make(chan stream, 1)
	go func() { rest <- c.view(part.id, "", "mode=typewriter&max_lag=0&speed=0.2") }()
	for deadline := time.Now().Add(answerTime); ; {
		got := c.do(http.MethodPost, address(part.id)+"/skip", "")
		if got.status/100 != 2 {
			c.Errorf("skip: %d %s", got.status, got.body)
		}
		select {
		case s := <-rest:
			if !s.isDone() {
				c.Errorf("after a skip, the viewer read %q and no end", s.text())
			}
			return
		case <-time.After(100 * time.Millisecond): // the viewer may come after the skip
		}
		if time.Now().After(deadline) {
			c.Fatal("no end after a skip")
		}
	}
}

// stranger is the credential of another client.
const stranger = "promises-stranger"

// streamIsPrivate reads, skips and stops a stream with another credential.
func streamIsPrivate(c *client) {
	part := c.start(3, raw)
	stranger := c.as(stranger)
	last := part.events[len(part.events)-1].LastEventID
	for _, request := range []struct{ method, path string }{
		{http.MethodGet, address(part.id)},
		{http.MethodDelete, address(part.id)},
		{http.MethodPost, address(part.id) + "/skip"},
		{http.MethodGet, "/v3/chat?message=x"},
	} {
		got := stranger.do(request.method, request.path, "", "Last-Event-ID", last)
		if got.status == http.StatusOK || strings.Contains(got.body, part.id) || got.header.Get("Typewriter-Stream") == part.id {
			c.Errorf("%s %s of a stranger: %d %q", request.method, request.path, got.status, got.body)
		}
	}
	if rest := c.view(part.id, last, raw); !rest.isDone() {
		c.Error("the stream has no end after the requests of a stranger")
	}
}

// linkOpensOneStream uses a link to read, and then to do what it does not allow.
func linkOpensOneStream(c *client) {
	part := c.start(3, raw)
	created := c.do(http.MethodPost, address(part.id)+"/links", `{"ttl":"1m"}`, "Content-Type", "application/json")
	link := gjson.Get(created.body, "url").Str
	if created.status != http.StatusCreated || link == "" || !gjson.Get(created.body, "expires").Exists() {
		c.Fatalf("%d %s", created.status, created.body)
	}
	anybody := c.as("")
	if s := anybody.read(0, http.MethodGet, link, ""); s.id != part.id || !s.isDone() {
		c.Errorf("the link opens stream %s with %q", s.id, s.text())
	}
	if got := anybody.do(http.MethodDelete, link, ""); got.status/100 == 2 {
		c.Errorf("a link to read stops the stream: %d", got.status)
	}
	if got := anybody.do(http.MethodGet, link[:len(link)-1]+"~", ""); got.status/100 == 2 && got.body != "" {
		c.Errorf("a changed link: %d %q", got.status, got.body)
	}
	c.do(http.MethodDelete, address(part.id), "")
	if got := anybody.do(http.MethodGet, link, ""); got.status == http.StatusOK {
		c.Errorf("the link after a stop: %d", got.status)
	}
}

func streamsAreNotCached(c *client) {
	res := c.send(c.Context(), http.MethodGet, ask(raw+"&message=x"), "")
	defer res.Body.Close()
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Content-Type": "text/event-stream",
	} {
		if got := res.Header.Get(name); !strings.Contains(got, want) {
			c.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
