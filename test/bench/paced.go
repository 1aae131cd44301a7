package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// naturalPace is a header line that requests the natural pace without catching up.
const naturalPace = "Typewriter-Max-Lag: 0\r\n"

// Names of contestants.
const (
	ours         = "ours"
	floor        = "floor"
	article      = "article"
	smoothStream = "smoothStream"
	oursWithIDs  = "ours with event ids"
)

// finished measures streams whose upstream has sent the whole answer.
func (b *bench) finished() error {
	whole := request{query: "play=" + playWhole, header: naturalPace}
	ids := b.oursWith(request{query: whole.query, header: naturalPace + "Typewriter-Event-Ids: on\r\n"})
	ids.name = oursWithIDs
	results, err := b.measureAll(b.plan.streams, b.floor(), b.oursWith(whole), ids, b.article(whole.query), b.smoothStream())
	if err != nil {
		return err
	}
	b.results["finished"] = results[ours]
	if due := results[floor].rate; results[ours].rate < 0.95*due {
		b.notes = append(b.notes, fmt.Sprintf("The machine was busy: our server sent %.0f of %.0f events per second, "+
			"so these results are not valid", results[ours].rate, due))
	}
	for _, name := range []string{ours, oursWithIDs} {
		r := row{
			metric: fmt.Sprintf("CPU per event, %d streams, upstream finished", b.plan.streams),
			ours:   micros(results[name].perEvent), target: "≤ 1.25 × floor",
			met: float64(results[name].perEvent) <= 1.25*float64(results[floor].perEvent),
		}
		r.compareCPU(results[name].perEvent, results, floor)
		if name == oursWithIDs {
			r.metric, r.target = r.metric+", event ids on", ""
		} else {
			r.compareCPU(results[name].perEvent, results, article, smoothStream)
		}
		b.rows = append(b.rows, r)
	}
	b.addMemory("Memory per stream, backlog of 1,600 characters, upstream finished", 32, results)
	return nil
}

// liveUpstream measures streams whose upstream sends deltas at the rate of a model.
func (b *bench) liveUpstream() error {
	live := request{query: "play=" + playLive}
	const each = time.Second * 10 / 324 // our rate with 12 deltas per second: 32.4 characters, without backlog
	results, err := b.measureAll(b.plan.live, b.floor("-pause", each.String()), b.oursWith(live), b.article(live.query))
	if err != nil {
		return err
	}
	b.results["live"] = results[ours]
	r := row{
		metric: fmt.Sprintf("CPU per event, %d streams, upstream live at 12 deltas per second", b.plan.live),
		ours:   micros(results[ours].perEvent), target: "≤ 2 × floor",
		met: float64(results[ours].perEvent) <= 2*float64(results[floor].perEvent),
	}
	r.compareCPU(results[ours].perEvent, results, floor, article)
	b.rows = append(b.rows, r, row{
		metric: "Events per second of each stream, upstream live",
		ours:   perStream(results[ours]),
		others: []string{"floor " + perStream(results[floor]), "article " + perStream(results[article]) + ", falling behind"},
	})
	b.addMemory("Memory per stream, upstream live", 64, results)
	return nil
}

func perStream(f result) string { return fmt.Sprintf("%.1f", f.rate/float64(f.streams)) }

// addMemory adds a row of memory per stream with a target in kilobytes.
func (b *bench) addMemory(metric string, target int, results map[string]result) {
	r := row{
		metric: metric, ours: kilobytes(results[ours].perStream), target: fmt.Sprintf("≤ %d KB", target),
		met: results[ours].perStream <= target<<10,
	}
	for _, name := range []string{oursWithIDs, floor, article, smoothStream} {
		if f, ok := results[name]; ok {
			r.others = append(r.others, label(name, f, results)+" "+kilobytes(f.perStream))
		}
	}
	b.rows = append(b.rows, r)
}

// scale measures whether the cost of a stream grows with the number of streams, and
// counts the goroutines of a stream.
func (b *bench) scale() error {
	c := b.oursWith(request{query: "play=" + playWhole, header: naturalPace})
	goroutines := 0
	few, err := b.measureOne(c, b.plan.few, func(p *process, _ *load) { goroutines = p.goroutines() })
	if err != nil {
		return err
	}
	live := 0
	if _, err := b.measureOne(b.oursWith(request{query: "play=" + playLive}), b.plan.few,
		func(p *process, _ *load) { live = p.goroutines() }); err != nil {
		return err
	}
	many, err := b.measureOne(c, b.plan.many, nil)
	if err != nil {
		return err
	}
	all := []result{few, b.results["finished"], many}
	if all[1].streams == 0 {
		all = []result{few, many}
	}
	cpu, memory := row{target: "does not grow"}, row{target: "does not grow"}
	cpu.metric = fmt.Sprintf("CPU per event, %d → %d streams", b.plan.few, b.plan.many)
	memory.metric = fmt.Sprintf("Memory per stream, %d → %d streams", b.plan.few, b.plan.many)
	for i, f := range all {
		if i > 0 {
			cpu.ours, memory.ours = cpu.ours+" → ", memory.ours+" → "
		}
		cpu.ours += micros(f.perEvent)
		memory.ours += kilobytes(f.perStream)
	}
	const noise = 1.1
	cpu.met = float64(many.perEvent) <= noise*float64(few.perEvent)
	memory.met = float64(many.perStream) <= noise*float64(few.perStream)
	b.rows = append(b.rows, cpu, memory, row{
		metric: "Goroutines per stream, upstream finished / live",
		ours:   fmt.Sprintf("%.1f / %.1f", float64(goroutines)/float64(b.plan.few), float64(live)/float64(b.plan.few)),
	})
	return nil
}

// evenPauses is a configuration with equal pauses, so that a client knows the due time of
// each event.
const evenPauses = `pauses:
  sentence: {min: 100ms, max: 100ms}
  clause: {min: 100ms, max: 100ms}
  markup: {min: 100ms, max: 100ms}
  other: {min: 100ms, max: 100ms}
`

const evenPause = 100 * time.Millisecond

// lateness measures the delay of events after their due time, at the client.
func (b *bench) lateness() error {
	conf := filepath.Join(b.dir, "evenly.yaml")
	if err := os.WriteFile(conf, []byte(evenPauses), 0o600); err != nil {
		return err
	}
	o := contestant{
		name:    ours,
		start:   func() (*process, error) { return b.startOurs("--config=" + conf) },
		request: request{query: "play=" + playWhole, header: naturalPace, recordTimes: true},
	}
	f := b.floor("-pause", evenPause.String())
	f.request.recordTimes = true
	late := map[string][]time.Duration{}
	for _, c := range []contestant{f, o} {
		if _, err := b.measureOne(c, b.plan.streams, func(_ *process, l *load) {
			l.close()
			late[c.name] = l.lateness(b.plan.window)
		}); err != nil {
			return err
		}
	}
	p50, p99, p999 := percentile(late[ours], 50), percentile(late[ours], 99), percentile(late[ours], 99.9)
	b.rows = append(b.rows, row{
		metric: fmt.Sprintf("Lateness at the client, %d streams, p50 / p99 / p99.9", b.plan.streams),
		ours:   fmt.Sprintf("%s / %s / %s", millis(p50), millis(p99), millis(p999)),
		others: []string{fmt.Sprintf("floor %s / %s / %s", millis(percentile(late[floor], 50)), millis(percentile(late[floor], 99)), millis(percentile(late[floor], 99.9)))},
		target: "≤ 1 / 5 / 20 ms",
		met:    p50 <= time.Millisecond && p99 <= 5*time.Millisecond && p999 <= 20*time.Millisecond,
	})
	return nil
}

// lateness returns the lateness of the characters received during the last part of a
// load. The due times of a stream are known only relative to each other: the earliest
// character counts as punctual.
func (l *load) lateness(last time.Duration) []time.Duration {
	since := time.Now().Add(-last)
	var out []time.Duration
	for _, s := range l.streams {
		var offsets []time.Duration // relative to the due times after the first character
		least := time.Duration(1<<63 - 1)
		for i, at := range s.times {
			if at.Before(since) {
				continue
			}
			offset := at.Sub(s.times[0]) - time.Duration(i)*evenPause
			offsets = append(offsets, offset)
			least = min(least, offset)
		}
		for _, offset := range offsets {
			out = append(out, offset-least)
		}
	}
	return out
}
