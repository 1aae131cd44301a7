package apierror

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"
)

// all are the errors of the table.
var all = []*Error{
	BadRequest, Malformed, MethodNotAllowed, RequestTimeout, BodyTooLarge, HeaderTooLarge, KeyReused, NotFound,
	Unauthorized, CrossSite, UnknownHost, RateLimited, TooManyStreams, Unavailable, Full, Draining,
	Internal, Canceled, Unreachable, EventTooLarge, Cut, Compressed, TooLarge, Refused, ConnectTimeout, HeaderTimeout, IdleTimeout, MaxTime, FirstText,
}

// Each error has a reason of its own, and whatever a client needs.
func TestTable(t *testing.T) {
	reasons := map[string]bool{}
	codes := map[int]*Error{}
	for _, e := range all {
		if reasons[e.Reason] || e.Reason == "" {
			t.Errorf("reason %q is not unique", e.Reason)
		}
		reasons[e.Reason] = true
		if http.StatusText(e.Status) == "" || e.Msg == "" || e.Code < 4000 || e.Code > 5999 || e.Err != nil {
			t.Errorf("%s: got %+v", e.Reason, e)
		}
		if same := codes[e.Code]; same != nil && e.Code >= 5000 {
			t.Errorf("%s and %s have the code %d", e.Reason, same.Reason, e.Code)
		}
		codes[e.Code] = e
	}
	for _, reason := range slices.Concat(Rejections(), UpstreamFailures()) {
		if !reasons[reason] {
			t.Errorf("reason %q is not in the table", reason)
		}
	}
}

func TestForStatus(t *testing.T) {
	for status, want := range map[int]*Error{
		408: RequestTimeout, 413: BodyTooLarge, 431: HeaderTooLarge, 400: Malformed, 500: Malformed, 0: Malformed,
	} {
		if got := ForStatus(status); got != want {
			t.Errorf("%d: got %v, want %v", status, got, want)
		}
	}
}

// A copy with a change leaves the table as it is.
func TestCopies(t *testing.T) {
	Cut.WithMsg("why")
	Cut.WithRetryAfter(time.Second)
	e := Cut.WithCause(io.EOF).WithMsg("why").WithRetryAfter(time.Second)
	if e.Error() != "why: EOF" || !errors.Is(e, io.EOF) || e.RetryAfter != time.Second || e.Code != Cut.Code {
		t.Errorf("got %+v", e)
	}
	if Cut.Err != nil || Cut.Msg == "why" || Cut.RetryAfter != 0 || Cut.Error() != Cut.Msg {
		t.Errorf("the table has %+v", Cut)
	}
}

func TestIsTransient(t *testing.T) {
	for _, e := range all {
		want := !slices.Contains([]*Error{
			BadRequest, Malformed, MethodNotAllowed, BodyTooLarge, HeaderTooLarge, KeyReused, NotFound, Unauthorized,
			CrossSite, UnknownHost, EventTooLarge, Compressed, TooLarge, MaxTime,
		}, e)
		if got := e.IsTransient(); got != want {
			t.Errorf("%s: got %t, want %t", e.Reason, got, want)
		}
	}
}
