// Package handler serves the HTTP API with Hertz. It opens chats and summaries at the
// upstream, records their answers and plays them to clients at a human pace; all other
// requests of the API are forwarded. It knows neither a service's events nor the law of
// the pace.
//
// A chat passes through [Handler.Register] (handler.go), chat.go, admit.go, record.go and
// eventwriter.go.
package handler
