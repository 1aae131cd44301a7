package handler

import (
	"fmt"
	"strconv"
	"time"

	"github.com/cloudwego/hertz/pkg/app"

	"sse-typewriter/typewriter"
)

// param is a request parameter: a header or, in its absence, a query parameter.
type param struct{ header, query string }

var (
	paramMode        = param{"Typewriter-Mode", "mode"}
	paramSpeed       = param{"Typewriter-Speed", "speed"}
	paramMaxLag      = param{"Typewriter-Max-Lag", "max_lag"}
	paramMaxTail     = param{"Typewriter-Max-Tail", "max_tail"}
	paramReasoning   = param{"Typewriter-Reasoning", "reasoning"}
	paramUnit        = param{"Typewriter-Unit", "unit"}
	paramMinInterval = param{"Typewriter-Min-Interval", "min_interval"}
	paramMarkdown    = param{"Typewriter-Markdown", "markdown"}
	paramEventIDs    = param{"Typewriter-Event-Ids", "event_ids"}
)

// paceParams are all parameters. None goes upstream.
var paceParams = []param{paramMode, paramSpeed, paramMaxLag, paramMaxTail, paramReasoning, paramUnit, paramMinInterval, paramMarkdown, paramEventIDs}

// value returns the value of the parameter, and the name under which the client sent it. The
// query of a forwarded request belongs to the AI service.
func (p param) value(c *app.RequestContext) (value, name string) {
	if v := c.Request.Header.Get(p.header); v != "" || isForwarded(c) {
		return v, p.header
	}
	return c.Query(p.query), p.query
}

// pace returns the pace of a request. An error names the invalid parameter.
func (u *Upstream) pace(c *app.RequestContext) (typewriter.Pace, error) {
	mode := u.Mode
	asked, name := paramMode.value(c)
	if asked != "" {
		mode = typewriter.Mode(asked)
	}
	pace, ok := u.Paces[mode]
	if !ok {
		return pace, fmt.Errorf("%s %q is unknown: want typewriter, smooth or raw", name, asked)
	}
	if v, name := paramSpeed.value(c); v != "" {
		speed, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return pace, fmt.Errorf("%s %q is not a number", name, v)
		}
		pace.Speed = speed
	}
	if v, name := paramReasoning.value(c); v != "" {
		if _, ok := u.Paces[typewriter.Mode(v)]; !ok {
			return pace, fmt.Errorf("%s %q is unknown: want typewriter, smooth or raw", name, v)
		}
		pace.Reasoning = typewriter.Mode(v)
	}
	if v, name := paramUnit.value(c); v != "" {
		pace.Unit = typewriter.Unit(v)
		if pace.Unit != typewriter.Grapheme && pace.Unit != typewriter.Word {
			return pace, fmt.Errorf("%s %q is unknown: want grapheme or word", name, v)
		}
	}
	var err error
	if pace.Markdown, err = paramMarkdown.parseSwitch(c, pace.Markdown); err != nil {
		return pace, err
	}
	for _, d := range []struct {
		param param
		value *time.Duration
	}{
		{paramMaxLag, &pace.MaxLag},
		{paramMaxTail, &pace.MaxTail},
		{paramMinInterval, &pace.MinInterval},
	} {
		if err := d.param.parseDuration(c, d.value); err != nil {
			return pace, err
		}
	}
	return pace, pace.Validate()
}

// parseDuration sets the duration to the value of the parameter, if given.
func (p param) parseDuration(c *app.RequestContext, d *time.Duration) error {
	v, name := p.value(c)
	if v == "" {
		return nil
	}
	parsed, err := time.ParseDuration(v)
	if err != nil || parsed < 0 {
		return fmt.Errorf("%s %q is not a duration like 3s, 400ms or 0", name, v)
	}
	*d = parsed
	return nil
}

// parseSwitch returns the value of a parameter that is on or off, or else the default.
func (p param) parseSwitch(c *app.RequestContext, byDefault bool) (bool, error) {
	switch v, name := p.value(c); v {
	case "":
		return byDefault, nil
	case "off":
		return false, nil
	case "on":
		return true, nil
	default:
		return false, fmt.Errorf("%s %q is neither on nor off", name, v)
	}
}
