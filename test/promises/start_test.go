package promises

import (
	"net/http"
	"strings"

	"github.com/tidwall/gjson"
)

var startPromises = []promise{
	{"a start without a reader", startWithoutReader},
	{"a bad request opens no stream", badRequestOpensNothing},
}

func startWithoutReader(c *client) {
	got := c.do(http.MethodPost, ask(raw), *messageFlag, "Prefer", "respond-async")
	url := gjson.Get(got.body, "url").Str
	if got.status != http.StatusAccepted || url == "" || got.header.Get("Location") != url {
		c.Fatalf("%d, Location %q, %s", got.status, got.header.Get("Location"), got.body)
	}
	if s := c.read(0, http.MethodGet, url+"?"+raw, ""); !s.isDone() {
		c.Errorf("read %q and no end", s.text())
	}
}

// badRequestOpensNothing names what is wrong in each error.
func badRequestOpensNothing(c *client) {
	for _, request := range []struct{ query, want string }{
		{"speed=fast", "speed"},
		{"mode=quick", "mode"},
		{"max_lag=-1s", "max_lag"},
		{"unit=line", "unit"},
		{"message=x&min_interval=soon", "min_interval"},
	} {
		got := c.do(http.MethodPost, ask(request.query), *messageFlag)
		if got.status != http.StatusBadRequest || !strings.Contains(strings.ReplaceAll(strings.ToLower(got.body), "-", "_"), request.want) ||
			got.header.Get("Typewriter-Stream") != "" {
			c.Errorf("%s: %d %s", request.query, got.status, got.body)
		}
	}
}
