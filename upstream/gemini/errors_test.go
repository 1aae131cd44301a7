package gemini

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/tidwall/gjson"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/upstream"
)

func gjsonOf(s string) gjson.Result { return gjson.Parse(s) }

func TestErrorBody(t *testing.T) {
	for _, test := range []struct {
		err    *upstream.Error
		status string
	}{
		{apierror.BadRequest, "INVALID_ARGUMENT"},
		{apierror.BodyTooLarge, "INVALID_ARGUMENT"},
		{apierror.Unauthorized, "UNAUTHENTICATED"},
		{apierror.CrossSite, "PERMISSION_DENIED"},
		{apierror.NotFound, "NOT_FOUND"},
		{apierror.RequestTimeout, "DEADLINE_EXCEEDED"},
		{apierror.RateLimited, "RESOURCE_EXHAUSTED"},
		{apierror.Internal, "INTERNAL"},
		{apierror.Cut, "UNAVAILABLE"},
		{apierror.Full, "UNAVAILABLE"},
		{apierror.HeaderTimeout, "DEADLINE_EXCEEDED"},
	} {
		var body struct {
			Error struct {
				Code            int
				Message, Status string
				Details         []struct{ Reason string }
			}
		}
		if err := json.Unmarshal(format.ErrorBody(test.err, "req-1"), &body); err != nil {
			t.Fatal(err)
		}
		if e := body.Error; e.Code != test.err.Status || e.Status != test.status || e.Message != test.err.Msg || e.Details[0].Reason != test.err.Reason {
			t.Errorf("%s: got %+v, want the status %s", test.err.Reason, e, test.status)
		}
	}
}

// An error event has no name, and keeps the reason for servers that read it.
func TestErrorEvents(t *testing.T) {
	events := format.ErrorEvents(apierror.Cut, upstream.Sent{})
	const want = `{"error":{"code":502,"message":"upstream ended mid-stream","status":"UNAVAILABLE","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"cut","domain":"sse-typewriter"}]}}`
	if len(events) != 1 || events[0].Frame.Name != "" || events[0].Payload() != want {
		t.Fatalf("got %v, want one event %s", events, want)
	}
	m := format.NewDecoder().Decode("", want).Meaning
	if m.Kind != upstream.KindFailed || m.Failure.Reason != "cut" || m.Failure.Msg != apierror.Cut.Msg {
		t.Errorf("got %+v with %v, want the reason cut", m, m.Failure)
	}
}

func TestReadError(t *testing.T) {
	for _, test := range []struct{ name, body, want string }{
		{"Google", `{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}`, "slow down"},
		{"a list", `[{"error":{"code":400,"message":"no"}}]`, "no"},
		{"a text", `{"error":"not here"}`, "not here"},
		{"reason of another domain", `{"error":{"message":"x","details":[{"reason":"cut","domain":"googleapis.com"}]}}`, "x"},
		{"no JSON", `<html>`, "status 502 without a message"},
		{"empty", ``, "status 502 without a message"},
	} {
		if got := format.ReadError(http.StatusBadGateway, []byte(test.body)); got.Msg != test.want || got.Reason != "refused" {
			t.Errorf("%s: got %v, want %s", test.name, got, test.want)
		}
	}
}
