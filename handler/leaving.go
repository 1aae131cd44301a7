package handler

import "github.com/cloudwego/hertz/pkg/app"

// leaver is a connection of Hertz's standard transport, which can tell when its
// client leaves.
type leaver interface {
	DetectConnectionClose()
	AbortBlockingRead()
}

// watchLeaving has the request's context cancelled when the client leaves, until
// the returned function is called. The request's body must have been read to its
// end. Hertz watches by itself where there can be no body.
func watchLeaving(c *app.RequestContext) (stop func()) {
	conn, ok := c.GetConn().(leaver)
	if !ok || !c.Request.IsBodyStream() {
		return func() {}
	}
	conn.DetectConnectionClose()
	return conn.AbortBlockingRead
}
