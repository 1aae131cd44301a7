package main

import (
	"errors"
	"fmt"
)

// raw measures how many events a second pass unpaced, beside proxies that know nothing
// of events.
func (b *bench) raw() error {
	for _, connections := range []int{1, 64} {
		if err := b.rawAt(connections); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) rawAt(connections int) error {
	a := ask{query: "play=" + playFlood + "&mode=raw"}
	const reverseProxy, nginx = "ReverseProxy", "nginx"
	contestants := []contestant{
		{name: reverseProxy, ask: a, start: func() (*process, error) {
			return b.role("reverseproxy", "-upstream", "http://"+b.upstream.address)
		}},
		{name: nginx, ask: a, start: func() (*process, error) {
			return startNginx(b.ctx, b.folder, b.upstream.address)
		}},
		b.oursWith(a),
	}
	got := map[string]float64{}
	r := row{what: fmt.Sprintf("Raw mode, events a second, connections: %d", connections), must: "≥ 1 × ReverseProxy, ≥ 0.5 × nginx", ok: true}
	for _, c := range contestants {
		f, err := b.watch(c, connections, nil)
		if errors.Is(err, errMissing) {
			b.leftOut(c.name)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		got[c.name] = f.rate
	}
	r.ours = fmt.Sprintf("%.0f k", got[ours]/1000)
	for _, beside := range []struct {
		name string
		must float64
	}{{reverseProxy, 1}, {nginx, 0.5}} {
		if rate, ok := got[beside.name]; ok {
			ratio := got[ours] / rate
			r.others = append(r.others, fmt.Sprintf("%s %.0f k (**%.2f ×**)", beside.name, rate/1000, ratio))
			r.ok = r.ok && ratio >= beside.must
		}
	}
	b.rows = append(b.rows, r)
	return nil
}
