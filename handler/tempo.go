package handler

import (
	"fmt"
	"strconv"
	"time"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/typewriter"
)

// The ways to ask for a tempo: a header or, where none is sent, a query parameter.
var (
	askMode     = ask{"Typewriter-Mode", "mode"}
	askSpeed    = ask{"Typewriter-Speed", "speed"}
	askMaxLag   = ask{"Typewriter-Max-Lag", "max_lag"}
	askEventIDs = ask{"Typewriter-Event-Ids", "event_ids"}
)

// asks are all of them; they are for us and do not go upstream.
var asks = []ask{askMode, askSpeed, askMaxLag, askEventIDs}

type ask struct{ header, query string }

// value returns what was asked and the name under which it was.
func (a ask) value(c *app.RequestContext) (value, name string) {
	if v := c.Request.Header.Get(a.header); v != "" {
		return v, a.header
	}
	return c.Query(a.query), a.query
}

// pace returns the tempo that a request asks for. The error names what is wrong.
func (h *Handler) pace(c *app.RequestContext) (typewriter.Pace, error) {
	mode := h.Mode
	asked, name := askMode.value(c)
	if asked != "" {
		mode = typewriter.Mode(asked)
	}
	pace, ok := h.Paces[mode]
	if !ok {
		return pace, fmt.Errorf("%s %q is unknown: want typewriter, smooth or raw", name, asked)
	}
	if v, name := askSpeed.value(c); v != "" {
		speed, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return pace, fmt.Errorf("%s %q is not a number", name, v)
		}
		pace.Speed = speed
	}
	if v, name := askMaxLag.value(c); v != "" {
		lag, err := time.ParseDuration(v)
		if err != nil {
			return pace, fmt.Errorf("%s %q is not a duration like 3s, 400ms or 0", name, v)
		}
		pace.MaxLag = lag
	}
	return pace, pace.Validate()
}

// eventIDs reports whether a request asks for event ids.
func eventIDs(c *app.RequestContext) (bool, error) {
	switch v, name := askEventIDs.value(c); v {
	case "", "off":
		return false, nil
	case "on":
		return true, nil
	default:
		return false, fmt.Errorf("%s %q is neither on nor off", name, v)
	}
}
