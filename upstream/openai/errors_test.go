package openai

import (
	"slices"
	"testing"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/upstream"
)

// Errors of this server have the form of OpenAI's, in a body and in a stream.
func TestErrors(t *testing.T) {
	for _, test := range []struct {
		err  *apierror.Error
		want string
	}{
		{apierror.BadRequest.WithMsg(`a "b" <c>`), `{"error":{"message":"a \"b\" <c>","type":"invalid_request_error","param":null,"code":"bad_request"}}`},
		{apierror.Unauthorized, `{"error":{"message":"` + apierror.Unauthorized.Msg + `","type":"authentication_error","param":null,"code":"invalid_api_key"}}`},
		{apierror.BodyTooLarge, `{"error":{"message":"request body is too large","type":"invalid_request_error","param":null,"code":"body_too_large"}}`},
		{apierror.RateLimited, `{"error":{"message":"too many requests","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}`},
		{apierror.Draining, `{"error":{"message":"` + apierror.Draining.Msg + `","type":"server_error","param":null,"code":"draining"}}`},
		{apierror.Cut, `{"error":{"message":"upstream ended mid-stream","type":"server_error","param":null,"code":"cut"}}`},
	} {
		if got := string(format.ErrorBody(test.err, "id")); got != test.want {
			t.Errorf("got body  %s\nwant %s", got, test.want)
		}
		events := format.ErrorEvents(test.err, upstream.Sent{})
		if len(events) != 1 || events[0].Frame.Name != "" || events[0].Payload() != test.want {
			t.Errorf("got events %v, want %s", events, test.want)
		}
		if d := (decoder{}); d.Decode("", test.want).Meaning.Failure == nil {
			t.Errorf("%s is not read as a failure", test.want)
		}
	}
}

// The errors of services, as a reply or as an event.
func TestReadError(t *testing.T) {
	for _, test := range []struct{ name, body, reason, msg string }{
		{"OpenAI", `{"error":{"message":"bad","type":"t","code":"c"}}`, "refused", "bad"},
		{"a text", `{"error":"bad"}`, "refused", "bad"},
		{"iFlytek", `{"code":10013,"message":"bad","sid":"s"}`, "refused", "bad"},
		{"MiniMax", `{"choices":null,"base_resp":{"status_code":1004,"status_msg":"bad"}}`, "refused", "bad"},
		{"another server of this kind", `{"error":{"message":"bad","code":"idle_timeout"}}`, "idle_timeout", "bad"},
		{"no message", `{"error":{}, "x":1}`, "refused", "status 418 without a message"},
		{"no JSON", `<html>`, "refused", "status 418 without a message"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := format.ReadError(418, []byte(test.body))
			if got.Reason != test.reason || got.Msg != test.msg || got.Code != apierror.Refused.Code {
				t.Errorf("got %+v, want %s %q", got, test.reason, test.msg)
			}
		})
	}
}

// Fields for errors that say nothing are no errors.
func TestNoFailure(t *testing.T) {
	for _, data := range []string{
		`{"error":null,"choices":[]}`, `{"error":{},"choices":[]}`, `{"code":0,"message":"Success","choices":[]}`,
		`{"base_resp":{"status_code":0,"status_msg":""},"choices":[]}`,
	} {
		if d := (decoder{}); d.Decode("", data).Meaning.Failure != nil {
			t.Errorf("%s is read as a failure", data)
		}
	}
}

func TestCredentials(t *testing.T) {
	var places []string
	for _, c := range format.Credentials {
		places = append(places, c.Header+": "+c.Prefix)
	}
	if want := []string{"Authorization: Bearer ", "api-key: "}; !slices.Equal(places, want) {
		t.Errorf("got %q, want %q", places, want)
	}
}
