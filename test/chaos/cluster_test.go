package chaos

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

// replicas is the number of replicas.
const replicas = 3

// cluster is the replicas, Redis and the service behind them.
type cluster struct {
	t       *testing.T
	seed    uint64
	service *service
	redis   [2]*testenv.Redis // the second is a copy of the first; nil without a failover
	master  int
	relays  [replicas]*relay
	over    chan struct{} // closed when the last reader has ended

	mu    sync.Mutex
	slots [replicas]slot
}

// slot holds the current process of a replica.
type slot struct {
	program *testenv.Program
	leaving bool // takes no new questions, as behind a load balancer
}

// startCluster starts the processes of a phase, until the end of the test.
func startCluster(t *testing.T, seed uint64, withCopy bool) *cluster {
	c := &cluster{t: t, seed: seed, service: startService(t, seed), over: make(chan struct{})}
	c.redis[0] = testenv.StartRedis(t)
	if withCopy {
		c.redis[1] = testenv.StartRedis(t)
		c.replicate(1, 0)
	}
	for i := range c.relays {
		c.relays[i] = startRelay(t, c.redis[0].Addr)
		c.start(i)
	}
	return c
}

// start starts a new process in a slot.
func (c *cluster) start(i int) {
	c.t.Helper()
	p := testenv.Start(c.t, "--upstream="+c.service.URL, "--store=redis://"+c.relays[i].addr+"/0",
		"--heartbeat=1s", "--drain-timeout=1s", "--allow-anonymous")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slots[i] = slot{program: p}
}

func (c *cluster) program(i int) *testenv.Program {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.slots[i].program
}

// leave keeps new questions from a replica.
func (c *cluster) leave(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slots[i].leaving = true
}

// randomAddress returns the address of a random replica. For new questions, replicas that are
// about to be terminated are excluded.
func (c *cluster) randomAddress(r *rand.Rand, comesBack bool) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if s := c.slots[r.IntN(replicas)]; comesBack || !s.leaving {
			return s.program.Address()
		}
	}
}

// pause waits for a random time, at the longest until the last reader has ended.
func (c *cluster) pause(r *rand.Rand, least, most time.Duration) {
	select {
	case <-time.After(least + time.Duration(r.Int64N(int64(most-least)))):
	case <-c.over:
	}
}

// signal sends a signal to a replica.
func (c *cluster) signal(i int, signal syscall.Signal) { c.program(i).Signal(signal) }

// replicate makes a Redis the copy of another, and waits for the first copy.
func (c *cluster) replicate(replica, master int) {
	c.t.Helper()
	host, port, _ := strings.Cut(c.redis[master].Addr, ":")
	c.tell(c.redis[replica], "REPLICAOF "+host+" "+port)
	testenv.Eventually(c.t, "Redis is copied", func() bool {
		return strings.Contains(c.tell(c.redis[replica], "INFO replication"), "master_link_status:up")
	})
}

// tell sends a command to Redis and returns the reply.
func (c *cluster) tell(s *testenv.Redis, command string) string {
	c.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(context.WithoutCancel(c.t.Context()), "tcp", s.Addr)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, command+"\r\nPING\r\n"); err != nil {
		c.t.Fatal(err)
	}
	var all strings.Builder
	for in := bufio.NewReader(conn); ; {
		line, err := in.ReadString('\n')
		if err != nil || strings.HasPrefix(line, "-") {
			c.t.Fatal(fmt.Errorf("%s: %s%s %w", command, all.String(), line, err))
		}
		if line == "+PONG\r\n" {
			return all.String()
		}
		all.WriteString(line)
	}
}
