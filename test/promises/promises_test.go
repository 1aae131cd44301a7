package promises

import (
	"testing"

	"sse-typewriter/internal/testenv"
)

// promise is a promise of docs/promises.md, by the name that stands there, and a check.
type promise struct {
	name  string
	check func(*client)
}

// promises are all promises with a check from outside.
var promises = append(append(resumePromises, viewerPromises...), startPromises...)

func TestPromises(t *testing.T) {
	base := *serverFlag
	if base == "" {
		if testing.Short() {
			t.Skip("-short: no program is started")
		}
		base = testenv.Start(t).Base
	}
	kept := make(chan string, len(promises))
	t.Run("kept", func(t *testing.T) {
		for _, p := range promises {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				p.check(&client{t, base, token(t)})
				if !t.Failed() {
					kept <- p.name
				}
			})
		}
	})
	t.Logf("%d promises checked at %s, %d kept", len(promises), base, len(kept))
}
