package ollama

import (
	"testing"

	"sse-typewriter/internal/apierror"
	"sse-typewriter/upstream"
)

// Errors of this server have the form of Ollama's, in a body and in a stream, and are read
// back.
func TestErrors(t *testing.T) {
	for _, test := range []struct {
		err          *apierror.Error
		want, reason string
	}{
		{apierror.BadRequest.WithMsg(`a "b" <c>`), `{"error":"a \"b\" <c>","code":"bad_request"}`, "refused"},
		{apierror.RateLimited, `{"error":"too many requests","code":"rate_limit"}`, "refused"},
		{apierror.Cut, `{"error":"upstream ended mid-stream","code":"cut"}`, "cut"},
	} {
		if got := string(format.ErrorBody(test.err, "id")); got != test.want {
			t.Errorf("got body  %s\nwant %s", got, test.want)
		}
		events := format.ErrorEvents(test.err, upstream.Sent{})
		if len(events) != 1 || events[0].Frame.Name != "" || events[0].Payload() != test.want {
			t.Errorf("got events %v, want %s", events, test.want)
		}
		d := decoder{}
		if m := d.Decode("", test.want).Meaning; m.Kind != upstream.KindFailed || m.Failure.Reason != test.reason || m.Failure.Msg != test.err.Msg {
			t.Errorf("%s is read as %+v", test.want, m.Failure)
		}
	}
}

func TestReadError(t *testing.T) {
	for _, test := range []struct{ name, body, reason, msg string }{
		{"Ollama", `{"error":"model \"x\" not found"}`, "refused", `model "x" not found`},
		{"an object", `{"error":{"message":"bad"}}`, "refused", "bad"},
		{"another server of this kind", `{"error":"bad","code":"unreachable"}`, "unreachable", "bad"},
		{"an empty error", `{"error":""}`, "refused", "status 418 without a message"},
		{"no JSON", `404 page not found`, "refused", "status 418 without a message"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := format.ReadError(418, []byte(test.body))
			if got.Reason != test.reason || got.Msg != test.msg || got.Code != apierror.Refused.Code {
				t.Errorf("got %+v, want %s %q", got, test.reason, test.msg)
			}
		})
	}
}
