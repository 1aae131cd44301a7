package chaos

import (
	"math/rand/v2"
	"syscall"
	"time"
)

// fault breaks a part of the cluster for some time, and repairs the part.
type fault func(c *cluster, r *rand.Rand)

// lease is the time after which other replicas continue the streams of a silent replica
// (docs/redis.md).
const lease = 7 * time.Second

// anyFault returns a random fault, except those that need a copy of Redis.
func anyFault(c *cluster, r *rand.Rand) {
	faults := []fault{
		replicaKilled, replicaTerminated, replicaStopped, replicaCutOff, replicaStalled, networkSlow, networkCuts,
		redisKilled, redisStopped, redisFlushed, redisFull, redisReadOnly,
	}
	faults[r.IntN(len(faults))](c, r)
}

func replicaKilled(c *cluster, r *rand.Rand) {
	i := r.IntN(replicas)
	c.program(i).Kill()
	c.pause(r, 0, 3*time.Second)
	c.start(i)
}

func replicaTerminated(c *cluster, r *rand.Rand) {
	i := r.IntN(replicas)
	old := c.program(i)
	c.leave(i)
	old.Stop(c.t)
	c.start(i)
}

func replicaStopped(c *cluster, r *rand.Rand) {
	i := r.IntN(replicas)
	c.signal(i, syscall.SIGSTOP)
	c.pause(r, lease/2, 2*lease)
	c.signal(i, syscall.SIGCONT)
}

func replicaCutOff(c *cluster, r *rand.Rand) {
	relay := c.relays[r.IntN(replicas)]
	relay.cut()
	c.pause(r, time.Second, 2*lease)
	relay.restore()
}

func replicaStalled(c *cluster, r *rand.Rand) {
	relay := c.relays[r.IntN(replicas)]
	relay.stall()
	c.pause(r, time.Second, 2*lease)
	relay.restore()
}

func networkSlow(c *cluster, r *rand.Rand) {
	for _, relay := range c.relays {
		relay.slow(time.Duration(50+r.IntN(500)) * time.Millisecond)
	}
	c.pause(r, time.Second, 5*time.Second)
	for _, relay := range c.relays {
		relay.restore()
	}
}

func networkCuts(c *cluster, r *rand.Rand) {
	relay := c.relays[r.IntN(replicas)]
	relay.cut()
	relay.restore()
	c.pause(r, 0, 500*time.Millisecond)
}

func redisKilled(c *cluster, r *rand.Rand) {
	c.redis[0].Kill()
	c.pause(r, 0, 5*time.Second)
	c.redis[0].Start()
}

func redisStopped(c *cluster, r *rand.Rand) {
	c.redis[0].Pause()
	c.pause(r, time.Second, 2*lease)
	c.redis[0].Resume()
}

func redisFlushed(c *cluster, r *rand.Rand) {
	c.tell(c.redis[0], "FLUSHALL")
	c.pause(r, 0, 3*time.Second)
}

func redisFull(c *cluster, r *rand.Rand) {
	c.tell(c.redis[0], "CONFIG SET maxmemory 1")
	c.pause(r, time.Second, 2*lease)
	c.tell(c.redis[0], "CONFIG SET maxmemory 0")
}

// redisReadOnly makes Redis the copy of an unreachable server.
func redisReadOnly(c *cluster, r *rand.Rand) {
	c.tell(c.redis[0], "REPLICAOF 127.0.0.1 1")
	c.pause(r, time.Second, 2*lease)
	c.tell(c.redis[0], "REPLICAOF NO ONE")
}

// redisFailedOver promotes the copy. The copy may lack the last events or be read-only at
// first.
func redisFailedOver(c *cluster, r *rand.Rand) {
	from, to := c.master, 1-c.master
	if r.IntN(2) == 0 {
		c.tell(c.redis[to], "REPLICAOF NO ONE")
		c.pause(r, 0, time.Second)
	}
	for _, relay := range c.relays {
		relay.moveTo(c.redis[to].Addr)
	}
	c.pause(r, 0, 2*time.Second)
	c.tell(c.redis[to], "REPLICAOF NO ONE")
	c.master = to
	c.pause(r, 0, 2*time.Second)
	c.replicate(from, to)
}
