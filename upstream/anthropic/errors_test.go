package anthropic

import (
	"encoding/json"
	"net/http"
	"testing"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/upstream"
)

func TestErrorTypes(t *testing.T) {
	for _, test := range []struct {
		err  *upstream.Error
		want string
	}{
		{apierror.BadRequest, "invalid_request_error"},
		{apierror.MethodNotAllowed, "invalid_request_error"},
		{apierror.Unauthorized, "authentication_error"},
		{apierror.CrossSite, "permission_error"},
		{apierror.NotFound, "not_found_error"},
		{apierror.BodyTooLarge, "request_too_large"},
		{apierror.RateLimited, "rate_limit_error"},
		{apierror.Internal, "api_error"},
		{apierror.Cut, "api_error"},
		{apierror.Full, "overloaded_error"},
		{apierror.HeaderTimeout, "timeout_error"},
	} {
		var body struct {
			Type  string
			Error struct{ Type, Message, Code string }
			ID    string `json:"request_id"`
		}
		if err := json.Unmarshal(format.ErrorBody(test.err, "req-1"), &body); err != nil {
			t.Fatal(err)
		}
		if body.Type != "error" || body.Error.Type != test.want || body.Error.Message != test.err.Msg || body.Error.Code != test.err.Reason || body.ID != "req-1" {
			t.Errorf("%s: got %+v, want the type %s", test.err.Reason, body, test.want)
		}
	}
}

// An error event has its name, and keeps the reason for servers that read it.
func TestErrorEvents(t *testing.T) {
	events := format.ErrorEvents(apierror.Cut, upstream.Sent{})
	if len(events) != 1 || events[0].Frame.Name != "error" {
		t.Fatalf("got %v, want one event named error", events)
	}
	const want = `{"type":"error","error":{"type":"api_error","message":"upstream ended mid-stream","code":"cut"}}`
	if got := events[0].Payload(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	m := format.NewDecoder().Decode("error", want).Meaning
	if m.Kind != upstream.KindFailed || m.Failure.Reason != "cut" || m.Failure.Msg != apierror.Cut.Msg {
		t.Errorf("got %+v with %v, want the reason cut", m, m.Failure)
	}
}

func TestReadError(t *testing.T) {
	for _, test := range []struct{ name, body, want string }{
		{"Anthropic", `{"type":"error","error":{"type":"rate_limit_error","message":"slow down"},"request_id":"r"}`, "slow down"},
		{"no type", `{"error":{"message":"no"}}`, "no"},
		{"a text", `{"error":"not here"}`, "not here"},
		{"a message alone", `{"message":"hm"}`, "hm"},
		{"no JSON", `<html>`, "status 502 without a message"},
		{"empty", ``, "status 502 without a message"},
	} {
		if got := format.ReadError(http.StatusBadGateway, []byte(test.body)); got.Msg != test.want || got.Reason != "refused" {
			t.Errorf("%s: got %v, want %s", test.name, got, test.want)
		}
	}
}
