// Package handler serves the HTTP API with Hertz. A chat or summary is opened at the
// upstream, recorded, and played to clients at a human pace; all other requests of the API
// are forwarded. The package knows neither the events of a service nor the law of the
// pace.
//
// A chat passes through [Handler.Register] (handler.go), chat.go, admit.go, record.go and
// eventwriter.go.
package handler
