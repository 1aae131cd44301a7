package soak

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"sync"
	"testing"

	"sse-typewriter/mock"
)

// service is the stand-in behind a server that records the replies to each question.
type service struct {
	*httptest.Server
	standIn *mock.StandIn

	mu      sync.Mutex
	replies map[string][]*recording
}

// recording is the body of a reply, as far as it was read.
type recording struct {
	mu   sync.Mutex
	body bytes.Buffer
}

func (r *recording) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.body.Write(p)
}

func (r *recording) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.body.String()
}

// mark is the part of a question that is found in the body of the request.
var mark = regexp.MustCompile(`soak-\d+-\d+`)

func startService(t *testing.T, standIn *mock.StandIn) *service {
	s := &service{standIn: standIn, replies: make(map[string][]*recording)}
	target := &url.URL{Scheme: "http", Host: "standin"}
	s.Server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     s,
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// RoundTrip passes a request to the stand-in, and records the reply to a question.
func (s *service) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	question := string(mark.Find(body))
	res, err := s.standIn.RoundTrip(req)
	if err != nil || question == "" || res.StatusCode != http.StatusOK {
		return res, err
	}
	recorded := &recording{}
	s.mu.Lock()
	s.replies[question] = append(s.replies[question], recorded)
	s.mu.Unlock()
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(res.Body, recorded), res.Body}
	return res, nil
}

// take returns and forgets the replies to a question.
func (s *service) take(question string) []*recording {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer delete(s.replies, question)
	return s.replies[question]
}
