package main

import (
	"errors"
	"fmt"
)

// raw measures the events per second in raw mode, compared with proxies that are unaware
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
	flood := request{query: "play=" + playFlood + "&mode=raw"}
	const reverseProxy, nginx = "ReverseProxy", "nginx"
	contestants := []contestant{
		{name: reverseProxy, request: flood, start: func() (*process, error) {
			return b.startRole("reverseproxy", "-upstream", "http://"+b.upstream.address)
		}},
		{name: nginx, request: flood, start: func() (*process, error) {
			return startNginx(b.ctx, b.dir, b.upstream.address)
		}},
		b.oursWith(flood),
	}
	rates := map[string]float64{}
	r := row{metric: fmt.Sprintf("Raw mode, events per second, connections: %d", connections), target: "≥ 1 × ReverseProxy, ≥ 0.5 × nginx", met: true}
	for _, c := range contestants {
		f, err := b.measureOne(c, connections, nil)
		if errors.Is(err, errMissing) {
			b.noteMissing(c.name)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		rates[c.name] = f.rate
	}
	r.ours = fmt.Sprintf("%.0f k", rates[ours]/1000)
	for _, beside := range []struct {
		name string
		must float64
	}{{reverseProxy, 1}, {nginx, 0.5}} {
		if rate, ok := rates[beside.name]; ok {
			ratio := rates[ours] / rate
			r.others = append(r.others, fmt.Sprintf("%s %.0f k (**%.2f ×**)", beside.name, rate/1000, ratio))
			r.met = r.met && ratio >= beside.must
		}
	}
	b.rows = append(b.rows, r)
	return nil
}
