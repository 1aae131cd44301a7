package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/app/server"
	"github.com/cloudwego/hertz/pkg/common/hlog"
	"github.com/hertz-contrib/sse"
	"resty.dev/v3"
)

// serveArticle is a plain implementation of the typewriter: a resty client per request, a
// Publish and a sleep per character, and no log between upstream and client.
func serveArticle(args []string) error {
	flags := flag.NewFlagSet("article", flag.ContinueOnError)
	upstream := flags.String("upstream", "", "base URL of the upstream")
	if err := flags.Parse(args); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // open until the process ends
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	printAddress(listener)
	hlog.SetLevel(hlog.LevelError)
	h := server.New(server.WithListener(listener), server.WithDisablePrintRoute(true))
	h.POST("/v3/chat", func(_ context.Context, c *app.RequestContext) {
		proxyChat(c, *upstream+"/v3/chat?"+string(c.QueryArgs().QueryString()))
	})
	return h.Run()
}

// proxyChat sends the request to the upstream and types the answer.
func proxyChat(c *app.RequestContext, url string) {
	client := resty.New()
	defer client.Close() //nolint:errcheck // as in a plain program
	res, err := client.R().SetResponseDoNotParse(true).
		SetHeader("Content-Type", "application/json").SetBody(c.Request.Body()).Post(url)
	if err != nil {
		c.String(502, err.Error())
		return
	}
	defer res.Body.Close() //nolint:errcheck // read only
	out := sse.NewStream(c)
	name := ""
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if after, ok := strings.CutPrefix(lines.Text(), "event:"); ok {
			name = after
		}
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		if typeDelta(out, name, data) != nil {
			return
		}
	}
}

// typeDelta publishes the text of an event character by character, and other events
// unchanged.
func typeDelta(out *sse.Stream, name, data string) error {
	var message map[string]any
	text := ""
	if name == eventDelta && json.Unmarshal([]byte(data), &message) == nil {
		text, _ = message["content"].(string)
	}
	if text == "" {
		return out.Publish(&sse.Event{Event: name, Data: []byte(data)})
	}
	for _, char := range text {
		message["content"] = string(char)
		payload, err := json.Marshal(message)
		if err != nil {
			return err
		}
		if err := out.Publish(&sse.Event{Event: name, Data: payload}); err != nil {
			return err
		}
		time.Sleep(pauseAfter(char))
	}
	return nil
}
