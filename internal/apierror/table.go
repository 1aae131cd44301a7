package apierror

import (
	"net/http"
	"time"
)

// Invalid requests.
var (
	BadRequest       = &Error{Reason: "bad_request", Status: http.StatusBadRequest, Code: 4000, Msg: "bad request"}
	Malformed        = &Error{Reason: "malformed", Status: http.StatusBadRequest, Code: 4000, Msg: "request is malformed"}
	MethodNotAllowed = &Error{Reason: "method_not_allowed", Status: http.StatusMethodNotAllowed, Code: 4000, Msg: "method is not allowed"}
	RequestTimeout   = &Error{Reason: "request_timeout", Status: http.StatusRequestTimeout, Code: 4000, Msg: "request did not arrive in time"}
	BodyTooLarge     = &Error{Reason: "body_too_large", Status: http.StatusRequestEntityTooLarge, Code: 4000, Msg: "request body is too large"}
	HeaderTooLarge   = &Error{Reason: "header_too_large", Status: http.StatusRequestHeaderFieldsTooLarge, Code: 4000, Msg: "request header is too large"}
	KeyReused        = &Error{Reason: "idempotency_key_reused", Status: http.StatusUnprocessableEntity, Code: 4220, Msg: "the Idempotency-Key was used for another request; use a new key"}
	NotFound         = &Error{Reason: "not_found", Status: http.StatusNotFound, Code: 4200, Msg: "not found"}
)

// Requests against a policy: the same request of another client, or at another time, may
// be served.
var (
	Unauthorized   = &Error{Reason: "unauthorized", Status: http.StatusUnauthorized, Code: 4100, Msg: "a valid key is needed: Authorization: Bearer KEY"}
	CrossSite      = &Error{Reason: "cross_site", Status: http.StatusForbidden, Code: 4030, Msg: "pages of other sites need a credential, or their origin in --cors-origins"}
	UnknownHost    = &Error{Reason: "unknown_host", Status: http.StatusForbidden, Code: 4031, Msg: "this host name needs a credential, or a place in --hosts"}
	RateLimited    = &Error{Reason: "rate_limit", Status: http.StatusTooManyRequests, Code: 4013, Msg: "too many requests"}
	TooManyStreams = &Error{Reason: "max_streams_per_client", Status: http.StatusTooManyRequests, Code: 4013, Msg: "too many concurrent streams", RetryAfter: time.Second}
	Unavailable    = &Error{Reason: "unavailable", Status: http.StatusServiceUnavailable, Code: 5030, Msg: "streams of other replicas cannot be reached", RetryAfter: time.Second}
	Full           = &Error{Reason: "max_streams", Status: http.StatusServiceUnavailable, Code: 5031, Msg: "the server has reached its limit of concurrent streams", RetryAfter: time.Second}
	Draining       = &Error{Reason: "draining", Status: http.StatusServiceUnavailable, Code: 5032, Msg: "the server is shutting down; retry to reach another replica", RetryAfter: time.Second}
)

// Failures of the upstream, and of this server.
var (
	Internal       = &Error{Reason: "internal", Status: http.StatusInternalServerError, Code: 5000, Msg: "internal error"}
	Canceled       = &Error{Reason: "canceled", Status: http.StatusBadGateway, Code: 5020, Msg: "request was canceled"}
	Unreachable    = &Error{Reason: "unreachable", Status: http.StatusBadGateway, Code: 5021, Msg: "upstream cannot be reached"}
	EventTooLarge  = &Error{Reason: "event_too_large", Status: http.StatusBadGateway, Code: 5022, Msg: "upstream sent too large an event"}
	Cut            = &Error{Reason: "cut", Status: http.StatusBadGateway, Code: 5023, Msg: "upstream ended mid-stream"}
	Compressed     = &Error{Reason: "compressed", Status: http.StatusBadGateway, Code: 5024, Msg: "upstream sent a compressed stream"}
	TooLarge       = &Error{Reason: "too_large", Status: http.StatusBadGateway, Code: 5025, Msg: "answer is larger than this server keeps"}
	Refused        = &Error{Reason: "refused", Status: http.StatusBadGateway, Code: 5026, Msg: "upstream reported an error"}
	ConnectTimeout = &Error{Reason: "connect_timeout", Status: http.StatusGatewayTimeout, Code: 5040, Msg: "upstream did not accept the connection in time"}
	HeaderTimeout  = &Error{Reason: "header_timeout", Status: http.StatusGatewayTimeout, Code: 5041, Msg: "upstream did not answer in time"}
	IdleTimeout    = &Error{Reason: "idle_timeout", Status: http.StatusGatewayTimeout, Code: 5042, Msg: "upstream stalled mid-stream"}
	MaxTime        = &Error{Reason: "too_long", Status: http.StatusGatewayTimeout, Code: 5043, Msg: "upstream took too long to complete its answer"}
	FirstText      = &Error{Reason: "first_text_timeout", Status: http.StatusGatewayTimeout, Code: 5044, Msg: "upstream sent no text in time"}
)

// Rejections returns the reasons of rejected requests for metrics: those of policies, and
// the limit of bodies.
func Rejections() []string {
	return reasons(Unauthorized, CrossSite, UnknownHost, Full, TooManyStreams, RateLimited, Draining, BodyTooLarge, Unavailable)
}

// Failures returns the errors of failed upstream requests, before or within a reply.
func Failures() []*Error {
	return []*Error{
		Compressed, ConnectTimeout, HeaderTimeout, Unreachable, Internal,
		Canceled, Cut, EventTooLarge, FirstText, IdleTimeout, MaxTime, TooLarge,
	}
}

// UpstreamFailures returns the reasons of [Failures].
func UpstreamFailures() []string { return reasons(Failures()...) }

func reasons(errors ...*Error) []string {
	var all []string
	for _, e := range errors {
		all = append(all, e.Reason)
	}
	return all
}

// ForStatus returns the error for a request without a handler, by the status from Hertz.
func ForStatus(status int) *Error {
	for _, e := range []*Error{RequestTimeout, BodyTooLarge, HeaderTooLarge} {
		if e.Status == status {
			return e
		}
	}
	return Malformed
}
