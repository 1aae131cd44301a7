package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// natural is the plain natural pace: nothing is caught up on.
const natural = "Typewriter-Max-Lag: 0\r\n"

// Names of contestants, and of what was measured.
const (
	ours         = "ours"
	floor        = "floor"
	article      = "article"
	smoothStream = "smoothStream"
	oursWithIDs  = "ours with event ids"
)

// finished measures streams whose upstream has ended: all their text waits.
func (b *bench) finished() error {
	whole := ask{query: "play=" + playWhole, header: natural}
	ids := b.oursWith(ask{query: whole.query, header: natural + "Typewriter-Event-Ids: on\r\n"})
	ids.name = oursWithIDs
	got, err := b.compete(b.plan.streams, b.floor(), b.oursWith(whole), ids, b.article(whole.query), b.smoothStream())
	if err != nil {
		return err
	}
	b.measured["finished"] = got[ours]
	if due := got[floor].rate; got[ours].rate < 0.95*due {
		b.notes = append(b.notes, fmt.Sprintf("The machine was busy with something else: ours brought %.0f of %.0f events a second, "+
			"so the figures are not to be kept", got[ours].rate, due))
	}
	for _, name := range []string{ours, oursWithIDs} {
		r := row{
			what: fmt.Sprintf("CPU an event, %d streams, upstream finished", b.plan.streams),
			ours: micros(got[name].perEvent), must: "≤ 1.25 × floor",
			ok: float64(got[name].perEvent) <= 1.25*float64(got[floor].perEvent),
		}
		r.beside(got[name].perEvent, got, floor)
		if name == oursWithIDs {
			r.what, r.must = r.what+", event ids on", ""
		} else {
			r.beside(got[name].perEvent, got, article, smoothStream)
		}
		b.rows = append(b.rows, r)
	}
	b.addMemory("Memory a stream, 1,600 characters waiting, upstream finished", 32, got)
	return nil
}

// liveUpstream measures streams whose upstream goes on.
func (b *bench) liveUpstream() error {
	live := ask{query: "play=" + playLive}
	const each = time.Second * 10 / 324 // what ours types when 12 deltas a second come: all of it
	got, err := b.compete(b.plan.live, b.floor("-pause", each.String()), b.oursWith(live), b.article(live.query))
	if err != nil {
		return err
	}
	b.measured["live"] = got[ours]
	r := row{
		what: fmt.Sprintf("CPU an event, %d streams, upstream live at 12 deltas a second", b.plan.live),
		ours: micros(got[ours].perEvent), must: "≤ 2 × floor",
		ok: float64(got[ours].perEvent) <= 2*float64(got[floor].perEvent),
	}
	r.beside(got[ours].perEvent, got, floor, article)
	b.rows = append(b.rows, r, row{
		what:   "Events a second that this is, a stream",
		ours:   perStream(got[ours]),
		others: []string{"floor " + perStream(got[floor]), "article " + perStream(got[article]) + ", it falls behind"},
	})
	b.addMemory("Memory a stream, upstream live", 64, got)
	return nil
}

func perStream(f figures) string { return fmt.Sprintf("%.1f", f.rate/float64(f.streams)) }

// addMemory adds a row of memory, which must be within some kilobytes.
func (b *bench) addMemory(what string, within int, got map[string]figures) {
	r := row{
		what: what, ours: kilobytes(got[ours].perStream), must: fmt.Sprintf("≤ %d KB", within),
		ok: got[ours].perStream <= within<<10,
	}
	for _, name := range []string{oursWithIDs, floor, article, smoothStream} {
		if f, ok := got[name]; ok {
			r.others = append(r.others, called(name, f, got)+" "+kilobytes(f.perStream))
		}
	}
	b.rows = append(b.rows, r)
}

// scale looks whether a stream costs more among many, and what it is made of.
func (b *bench) scale() error {
	c := b.oursWith(ask{query: "play=" + playWhole, header: natural})
	goroutines := 0
	few, err := b.watch(c, b.plan.few, func(p *process, _ *load) { goroutines = p.goroutines() })
	if err != nil {
		return err
	}
	live := 0
	if _, err := b.watch(b.oursWith(ask{query: "play=" + playLive}), b.plan.few,
		func(p *process, _ *load) { live = p.goroutines() }); err != nil {
		return err
	}
	many, err := b.watch(c, b.plan.many, nil)
	if err != nil {
		return err
	}
	all := []figures{few, b.measured["finished"], many}
	if all[1].streams == 0 {
		all = []figures{few, many}
	}
	cpu, memory := row{must: "does not grow"}, row{must: "does not grow"}
	cpu.what = fmt.Sprintf("CPU an event, %d → %d streams", b.plan.few, b.plan.many)
	memory.what = fmt.Sprintf("Memory a stream, %d → %d streams", b.plan.few, b.plan.many)
	for i, f := range all {
		if i > 0 {
			cpu.ours, memory.ours = cpu.ours+" → ", memory.ours+" → "
		}
		cpu.ours += micros(f.perEvent)
		memory.ours += kilobytes(f.perStream)
	}
	const noise = 1.1
	cpu.ok = float64(many.perEvent) <= noise*float64(few.perEvent)
	memory.ok = float64(many.perStream) <= noise*float64(few.perStream)
	b.rows = append(b.rows, cpu, memory, row{
		what: "Goroutines a stream, upstream finished / live",
		ours: fmt.Sprintf("%.1f / %.1f", float64(goroutines)/float64(b.plan.few), float64(live)/float64(b.plan.few)),
		must: "each needed",
		ok:   true,
	})
	return nil
}

// evenly is a configuration that has every pause last as long, so that a client knows
// when each event was due.
const evenly = `pauses:
  sentence: {min: 100ms, max: 100ms}
  clause: {min: 100ms, max: 100ms}
  markup: {min: 100ms, max: 100ms}
  other: {min: 100ms, max: 100ms}
`

const evenPause = 100 * time.Millisecond

// lateness measures, at the client, how much later than due events come.
func (b *bench) lateness() error {
	conf := filepath.Join(b.folder, "evenly.yaml")
	if err := os.WriteFile(conf, []byte(evenly), 0o600); err != nil {
		return err
	}
	o := contestant{
		name:  ours,
		start: func() (*process, error) { return b.startOurs("--config=" + conf) },
		ask:   ask{query: "play=" + playWhole, header: natural, timed: true},
	}
	f := b.floor("-pause", evenPause.String())
	f.ask.timed = true
	late := map[string][]time.Duration{}
	for _, c := range []contestant{f, o} {
		if _, err := b.watch(c, b.plan.streams, func(_ *process, l *load) {
			l.close()
			late[c.name] = l.late(b.plan.window)
		}); err != nil {
			return err
		}
	}
	p50, p99, p999 := percentile(late[ours], 50), percentile(late[ours], 99), percentile(late[ours], 99.9)
	b.rows = append(b.rows, row{
		what:   fmt.Sprintf("Lateness at %d streams, as clients see it, p50 / p99 / p99.9", b.plan.streams),
		ours:   fmt.Sprintf("%s / %s / %s", millis(p50), millis(p99), millis(p999)),
		others: []string{fmt.Sprintf("floor %s / %s / %s", millis(percentile(late[floor], 50)), millis(percentile(late[floor], 99)), millis(percentile(late[floor], 99.9)))},
		must:   "≤ 1 / 5 / 20 ms",
		ok:     p50 <= time.Millisecond && p99 <= 5*time.Millisecond && p999 <= 20*time.Millisecond,
	})
	return nil
}

// late returns how late the characters of the last part of a load came. When its first
// one was due is not known: the one that was the least late of a stream is taken to
// have been on time.
func (l *load) late(last time.Duration) []time.Duration {
	since := time.Now().Add(-last)
	var out []time.Duration
	for _, s := range l.streams {
		var after []time.Duration // the time that it should have been, after the last one counted
		least := time.Duration(1<<63 - 1)
		for i, at := range s.at {
			if at.Before(since) {
				continue
			}
			offset := at.Sub(s.at[0]) - time.Duration(i)*evenPause
			after = append(after, offset)
			least = min(least, offset)
		}
		for _, offset := range after {
			out = append(out, offset-least)
		}
	}
	return out
}
