package hertzio

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudwego/hertz/pkg/network"
)

// A slow body is read for as long as it keeps the minimum rate.
func TestSlowBody(t *testing.T) {
	for _, test := range []struct {
		bytes int           // that come
		every time.Duration // so often
		want  time.Duration // until it fails; 0: it does not
	}{
		{minBodyRate, time.Second, 0},
		{10 * minBodyRate, 10 * time.Second, 0},
		{minBodyRate / 2, time.Second, 60 * time.Second},
		{1, 29 * time.Second, 58 * time.Second},
	} {
		t.Run(fmt.Sprint(test.bytes, " every ", test.every), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &bodyReader{r: dripReader{test.every}, conn: deadlines{}, allowance: maxBodyStall}
				start := time.Now()
				var err error
				for err == nil && time.Since(start) < time.Hour {
					_, err = p.Read(make([]byte, test.bytes))
				}
				if took := time.Since(start); (err != nil) != (test.want > 0) || test.want > 0 && took != test.want {
					t.Errorf("%v after %v, want %v", err, took, test.want)
				}
			})
		})
	}
}

type dripReader struct{ every time.Duration }

func (d dripReader) Read(p []byte) (int, error) {
	time.Sleep(d.every)
	return len(p), nil
}

// deadlines is a connection that only takes deadlines.
type deadlines struct{ network.Conn }

func (deadlines) SetReadTimeout(time.Duration) error { return nil }
