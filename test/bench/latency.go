package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// chatClients is the number of concurrent clients.
const chatClients = 64

// firstCharacter measures the time to the first character that our server adds to that
// of the upstream.
func (b *bench) firstCharacter() error {
	server, err := b.startOurs()
	if err != nil {
		return err
	}
	defer server.stop()
	const rounds = 4 // alternate, so that load on the machine affects both alike
	took, first := map[string][]time.Duration{}, map[string][]time.Duration{}
	for range rounds {
		for _, address := range []string{b.upstream.address, server.address} {
			opening, later, err := b.chats(address, b.plan.chats/rounds)
			if err != nil {
				return err
			}
			first[address] = append(first[address], opening...)
			took[address] = append(took[address], later...)
		}
	}
	direct, through := took[b.upstream.address], took[server.address]
	p50 := percentile(through, 50) - percentile(direct, 50)
	p99 := percentile(through, 99) - percentile(direct, 99)
	b.rows = append(b.rows, row{
		metric: fmt.Sprintf("First character, %d concurrent clients, added p50 / p99", chatClients),
		ours:   fmt.Sprintf("%s / %s", millis(p50), millis(p99)),
		others: []string{fmt.Sprintf("direct %s / %s, ours %s / %s", millis(percentile(direct, 50)), millis(percentile(direct, 99)),
			millis(percentile(through, 50)), millis(percentile(through, 99)))},
		target: "≤ 0.5 / 3 ms",
		met:    p50 <= 500*time.Microsecond && p99 <= 3*time.Millisecond,
	}, row{
		metric: fmt.Sprintf("First character, %d new connections at once, p50 / worst", chatClients),
		ours:   fmt.Sprintf("%s / %s", millis(percentile(first[server.address], 50)), millis(percentile(first[server.address], 100))),
		others: []string{fmt.Sprintf("direct %s / %s", millis(percentile(first[b.upstream.address], 50)),
			millis(percentile(first[b.upstream.address], 100)))},
	})
	return nil
}

// chats opens n chats by concurrent clients and returns the times to the first character,
// without the upstream's delay. The first chats of the clients, which open connections all
// at once, are separate.
func (b *bench) chats(address string, n int) (first, later []time.Duration, err error) {
	client := newClient()
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	var work sync.WaitGroup
	for range chatClients {
		work.Go(func() {
			for i := range max(n/chatClients, 2) {
				took, oneErr := timeToFirst(b.ctx, client, "http://"+address+"/v3/chat?play="+playFirst)
				mu.Lock()
				if i == 0 {
					first = append(first, took)
				} else {
					later = append(later, took)
				}
				err = errors.Join(err, oneErr)
				mu.Unlock()
			}
		})
	}
	work.Wait()
	return first, later, err
}

func newClient() *http.Client {
	return &http.Client{Timeout: timeout, Transport: &http.Transport{MaxIdleConnsPerHost: chatClients}}
}

// timeToFirst opens a chat and returns the time to the first character, without the
// upstream's delay.
func timeToFirst(ctx context.Context, client *http.Client, url string) (time.Duration, error) {
	began := time.Now()
	res, err := postChat(ctx, client, url, nil)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	lines := bufio.NewReader(res.Body)
	data, err := nextData(lines)
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	_, delay, _ := strings.Cut(data, `"delay":"`)
	delay, _, _ = strings.Cut(delay, `"`)
	nanoseconds, err := strconv.Atoi(delay)
	if err != nil {
		return 0, fmt.Errorf("the first event has no delay: %s", data)
	}
	_, err = io.Copy(io.Discard, lines) // lets the client reuse the connection
	return took - time.Duration(nanoseconds), err
}

// postChat opens a chat. The caller closes the body.
func postChat(ctx context.Context, client *http.Client, url string, header map[string]string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(chatRequest))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close() // read only
		return nil, fmt.Errorf("%s answered %s", url, res.Status)
	}
	return res, nil
}

// nextData returns the value of the next data field.
func nextData(lines *bufio.Reader) (string, error) {
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return "", err
		}
		if data, ok := strings.CutPrefix(line, "data:"); ok {
			return data, nil
		}
	}
}

// resumablePath requests an answer of 4,000 characters.
const resumablePath = "/v3/chat?play=" + playWhole + "&chars=4000&mode=raw"

// resume measures the time to the first event after a reconnect, at the replica that
// holds the stream in memory and at a replica that reads the stream from Redis.
func (b *bench) resume() error {
	memory, err := b.startOurs()
	if err != nil {
		return err
	}
	defer memory.stop()
	local, err := b.resumes(memory, memory)
	if err != nil {
		return err
	}
	r := row{
		metric: "Resume in the middle of 4,000 characters, memory / Redis, p50",
		ours:   millis(percentile(local, 50)), target: "≤ 2 / 5 ms", met: percentile(local, 50) <= 2*time.Millisecond,
		others: []string{"p99 " + millis(percentile(local, 99))},
	}
	redis, err := startRedis(b.ctx, b.dir)
	if errors.Is(err, errMissing) {
		b.noteMissing("Redis")
		r.ours += " / not measured"
		b.rows = append(b.rows, r)
		return nil
	}
	if err != nil {
		return err
	}
	defer redis.stop()
	store := "--store=redis://" + redis.address + "/0"
	one, err := b.startOurs(store)
	if err != nil {
		return err
	}
	defer one.stop()
	other, err := b.startOurs(store)
	if err != nil {
		return err
	}
	defer other.stop()
	empty, err := usedByRedis(b.ctx, redis.address)
	if err != nil {
		return err
	}
	remote, err := b.resumes(one, other)
	if err != nil {
		return err
	}
	used, err := usedByRedis(b.ctx, redis.address)
	if err != nil {
		return err
	}
	r.ours += " / " + millis(percentile(remote, 50))
	r.others[0] += " / " + millis(percentile(remote, 99))
	r.met = r.met && percentile(remote, 50) <= 5*time.Millisecond
	b.rows = append(b.rows, r, row{
		metric: "Log in Redis, per character of CJK text",
		ours:   fmt.Sprintf("%.1f bytes", float64(used-empty)/float64(b.plan.resumes*4000)),
	})
	return nil
}

// resumes opens streams at a server, reads each to the end, and resumes in the middle at
// another server. It returns the times to the first event after the reconnect.
func (b *bench) resumes(one, other *process) ([]time.Duration, error) {
	client := newClient()
	defer client.CloseIdleConnections()
	if err := checkServes(b.ctx, "http://"+other.address+"/"); err != nil { // warms the server up
		return nil, err
	}
	var out []time.Duration
	for range b.plan.resumes {
		middle, err := middleID(b.ctx, client, "http://"+one.address+resumablePath)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		res, err := postChat(b.ctx, client, "http://"+other.address+"/v3/chat",
			map[string]string{"Typewriter-Event-Ids": "on", "Last-Event-ID": middle})
		if err != nil {
			return nil, err
		}
		_, err = nextData(bufio.NewReader(res.Body))
		out = append(out, time.Since(began))
		_ = res.Body.Close() // the rest is not needed
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// middleID reads a stream with event ids to the end and returns the id in the middle.
func middleID(ctx context.Context, client *http.Client, url string) (string, error) {
	res, err := postChat(ctx, client, url, map[string]string{"Typewriter-Event-Ids": "on"})
	if err != nil {
		return "", err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	var ids []string
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "id:"); ok {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return "", errors.Join(errors.New("the stream has no event ids"), lines.Err())
	}
	return ids[len(ids)/2], lines.Err()
}

// startToReady measures the time from the start of our server to the first answer.
func (b *bench) startToReady() error {
	var took []time.Duration
	for range b.plan.starts {
		began := time.Now()
		p, err := b.startOurs()
		if err != nil {
			return err
		}
		err = checkServes(b.ctx, "http://"+p.address+"/")
		took = append(took, time.Since(began))
		p.stop()
		if err != nil {
			return err
		}
	}
	info, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	p50 := percentile(took, 50)
	b.rows = append(
		b.rows,
		row{
			metric: "Start to ready, p50", ours: millis(p50), others: []string{"worst " + millis(percentile(took, 100))},
			target: "≤ 100 ms", met: p50 <= 100*time.Millisecond,
		},
		row{metric: "Size of the binary", ours: fmt.Sprintf("%.1f MB", float64(info.Size())/1e6)},
	)
	return nil
}
