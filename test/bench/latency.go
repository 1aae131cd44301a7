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

// clients is how many chats are asked for at a time.
const clients = 64

// firstCharacter measures how much later than from the upstream itself the first
// character comes.
func (b *bench) firstCharacter() error {
	server, err := b.startOurs()
	if err != nil {
		return err
	}
	defer server.stop()
	const rounds = 4 // in turn, so that both have the same machine
	took, first := map[string][]time.Duration{}, map[string][]time.Duration{}
	for range rounds {
		for _, address := range []string{b.upstream.address, server.address} {
			opening, open, err := b.chats(address, b.plan.chats/rounds)
			if err != nil {
				return err
			}
			first[address] = append(first[address], opening...)
			took[address] = append(took[address], open...)
		}
	}
	direct, through := took[b.upstream.address], took[server.address]
	p50 := percentile(through, 50) - percentile(direct, 50)
	p99 := percentile(through, 99) - percentile(direct, 99)
	b.rows = append(b.rows, row{
		what: fmt.Sprintf("First character, %d at a time: added p50 / p99", clients),
		ours: fmt.Sprintf("%s / %s", millis(p50), millis(p99)),
		others: []string{fmt.Sprintf("direct %s / %s, ours %s / %s", millis(percentile(direct, 50)), millis(percentile(direct, 99)),
			millis(percentile(through, 50)), millis(percentile(through, 99)))},
		must: "≤ 0.5 / 3 ms",
		ok:   p50 <= 500*time.Microsecond && p99 <= 3*time.Millisecond,
	}, row{
		what: fmt.Sprintf("First character, %d new clients in the same moment, p50 / worst", clients),
		ours: fmt.Sprintf("%s / %s", millis(percentile(first[server.address], 50)), millis(percentile(first[server.address], 100))),
		others: []string{fmt.Sprintf("direct %s / %s", millis(percentile(first[b.upstream.address], 50)),
			millis(percentile(first[b.upstream.address], 100)))},
		must: "stated", ok: true,
	})
	return nil
}

// chats asks for n chats, some at a time, and returns how long the first character of
// each took, without the time that the upstream thought. Those that open the clients'
// connections, all in the same moment, are for themselves.
func (b *bench) chats(address string, n int) (opening, open []time.Duration, err error) {
	client := newClient()
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	var work sync.WaitGroup
	for range clients {
		work.Go(func() {
			for i := range max(n/clients, 2) {
				took, failed := firstOf(b.ctx, client, "http://"+address+"/v3/chat?play="+playFirst)
				mu.Lock()
				if i == 0 {
					opening = append(opening, took)
				} else {
					open = append(open, took)
				}
				err = errors.Join(err, failed)
				mu.Unlock()
			}
		})
	}
	work.Wait()
	return opening, open, err
}

func newClient() *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
}

// firstOf asks for a chat and returns how long the first character took, without the
// time that the upstream thought.
func firstOf(ctx context.Context, client *http.Client, url string) (time.Duration, error) {
	began := time.Now()
	res, err := askStream(ctx, client, url, nil)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close() //nolint:errcheck // it is only read
	lines := bufio.NewReader(res.Body)
	data, err := nextData(lines)
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	_, thought, _ := strings.Cut(data, `"thought":"`)
	thought, _, _ = strings.Cut(thought, `"`)
	nanoseconds, err := strconv.Atoi(thought)
	if err != nil {
		return 0, fmt.Errorf("the first event is %s", data)
	}
	_, err = io.Copy(io.Discard, lines) // so that the connection is used again
	return took - time.Duration(nanoseconds), err
}

// askStream posts the question.
func askStream(ctx context.Context, client *http.Client, url string, header map[string]string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(question))
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
		_ = res.Body.Close() // it is not wanted
		return nil, fmt.Errorf("%s answered %s", url, res.Status)
	}
	return res, nil
}

// nextData returns the next line of data.
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

// resumed is the answer that is resumed: of 4,000 characters.
const resumed = "/v3/chat?play=" + playWhole + "&chars=4000&mode=raw"

// resume measures how soon a stream goes on, at the server that has it and at another
// one that must read it from Redis.
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
		what: "Resume in the middle of 4,000 characters, memory / Redis, p50",
		ours: millis(percentile(local, 50)), must: "≤ 2 / 5 ms", ok: percentile(local, 50) <= 2*time.Millisecond,
		others: []string{"p99 " + millis(percentile(local, 99))},
	}
	redis, err := startRedis(b.ctx, b.folder)
	if errors.Is(err, errMissing) {
		b.leftOut("Redis")
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
	r.ok = r.ok && percentile(remote, 50) <= 5*time.Millisecond
	b.rows = append(b.rows, r, row{
		what: "The log in Redis, a character of CJK text",
		ours: fmt.Sprintf("%.1f bytes", float64(used-empty)/float64(b.plan.resumes*4000)),
		must: "stated", ok: true,
	})
	return nil
}

// resumes opens streams at one server, reads each to its end, and has them go on from
// the middle at another. It returns how long the first event took.
func (b *bench) resumes(one, other *process) ([]time.Duration, error) {
	client := newClient()
	defer client.CloseIdleConnections()
	if err := get(b.ctx, "http://"+other.address+"/"); err != nil { // it is awake
		return nil, err
	}
	var out []time.Duration
	for range b.plan.resumes {
		middle, err := middleOf(b.ctx, client, "http://"+one.address+resumed)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		res, err := askStream(b.ctx, client, "http://"+other.address+"/v3/chat",
			map[string]string{"Typewriter-Event-Ids": "on", "Last-Event-ID": middle})
		if err != nil {
			return nil, err
		}
		_, err = nextData(bufio.NewReader(res.Body))
		out = append(out, time.Since(began))
		_ = res.Body.Close() // the rest is typed to nobody
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// middleOf opens a stream with event ids, reads it and returns the id in its middle.
func middleOf(ctx context.Context, client *http.Client, url string) (string, error) {
	res, err := askStream(ctx, client, url, map[string]string{"Typewriter-Event-Ids": "on"})
	if err != nil {
		return "", err
	}
	defer res.Body.Close() //nolint:errcheck // it is only read
	var ids []string
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "id:"); ok {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return "", errors.Join(errors.New("a stream has no ids"), lines.Err())
	}
	return ids[len(ids)/2], lines.Err()
}

// startToReady measures how soon after its start the program answers.
func (b *bench) startToReady() error {
	var took []time.Duration
	for range b.plan.starts {
		began := time.Now()
		p, err := b.startOurs()
		if err != nil {
			return err
		}
		err = get(b.ctx, "http://"+p.address+"/")
		took = append(took, time.Since(began))
		p.stop()
		if err != nil {
			return err
		}
	}
	info, err := os.Stat(b.ours)
	if err != nil {
		return err
	}
	p50 := percentile(took, 50)
	b.rows = append(
		b.rows,
		row{
			what: "Start to ready, p50", ours: millis(p50), others: []string{"worst " + millis(percentile(took, 100))},
			must: "≤ 100 ms", ok: p50 <= 100*time.Millisecond,
		},
		row{what: "Size of the binary", ours: fmt.Sprintf("%.1f MB", float64(info.Size())/1e6), must: "stated", ok: true},
	)
	return nil
}
