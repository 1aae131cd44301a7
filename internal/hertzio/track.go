package hertzio

import (
	"context"
	"net"

	"github.com/cloudwego/hertz/pkg/app"
)

// connKey is the context key of the connection.
type connKey struct{}

// newContext returns the context of a connection of a [Listener]. Hertz derives the
// contexts of requests from the context of the connection.
func newContext(conn net.Conn) context.Context {
	return context.WithValue(context.Background(), connKey{}, conn)
}

// trackedKey is the key of the tracked value in a request.
const trackedKey = "hertzio.tracked"

// tracked is the connection of a request, and the function to cancel the request's
// context.
type tracked struct {
	conn   *Conn
	cancel context.CancelFunc
}

// Track is a middleware, required by the rest of the package. Track marks the connection
// as answering, decodes chunked request bodies, and gives the handlers a context of their
// own: the context of Hertz lives as long as the connection.
func Track(ctx context.Context, c *app.RequestContext) {
	conn := ctx.Value(connKey{}).(*Conn)
	conn.beginResponse()
	defer conn.endResponse()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.Set(trackedKey, tracked{conn, cancel})
	defer decodeChunks(c)()
	c.Next(ctx)
}

// CancelOnDisconnect cancels the context of a request's handler when the client
// disconnects, until the returned function is called. The handler must have read the
// request body to the end.
func CancelOnDisconnect(c *app.RequestContext) (stop func()) {
	t := trackedOf(c)
	return t.conn.Watch(t.cancel)
}

func trackedOf(c *app.RequestContext) tracked { return c.MustGet(trackedKey).(tracked) }
