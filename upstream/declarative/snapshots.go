package declarative

import (
	"slices"
	"strconv"
	"strings"

	"sse-typewriter/typewriter"
	"sse-typewriter/upstream"
)

// snapshots tracks the texts of a stream whose events repeat the text before.
type snapshots struct {
	mode     mode
	channels []channel
	resets   int // of all channels

	// The numbers of texts in a row that repeat the text before, and that do not, and whether
	// one of the latter was shorter than the text before.
	grown, broken int
	shrunk        bool
}

// mode is whether the events of a stream repeat the text before.
type mode int

const (
	unknown    mode = iota // events are not cut
	repeating              // events repeat the text before
	increments             // events have new text
)

// channel is a text with all repetitions.
type channel struct {
	name string
	text string // so far, as the inside of a JSON string

	// base is the beginning of text that came in events which were not cut, and reset the
	// number of the last such event, or 0.
	base  string
	reset int

	frame *typewriter.Frame // of the last piece
}

const (
	// evidence is the number of texts in a row that decide the mode.
	evidence = 2

	// minRepeated is the length in bytes of a repeated text that is evidence: increments
	// such as - and -- may look like repetitions.
	minRepeated = 8

	// maxChannels bounds the remembered texts. Most chats have two: a reasoning and an answer.
	maxChannels = 16
)

// channel returns the channel with a name.
func (s *snapshots) channel(name string) *channel {
	i := slices.IndexFunc(s.channels, func(c channel) bool { return c.name == name })
	if i >= 0 {
		return &s.channels[i]
	}
	c := channel{name: name}
	if len(s.channels) == maxChannels {
		s.channels = slices.Delete(s.channels, 0, 1)
		s.resets++
		c.reset = s.resets // the channel may have been forgotten before
	}
	s.channels = append(s.channels, c)
	return &s.channels[len(s.channels)-1]
}

// learn looks at the next text of a channel to determine the mode.
func (s *snapshots) learn(c *channel, text string) {
	switch {
	case s.mode != unknown || c.text == "" || text == c.text:
		return
	case !strings.HasPrefix(text, c.text):
		s.grown, s.broken, s.shrunk = 0, s.broken+1, s.shrunk || len(text) < len(c.text)
	default:
		s.grown, s.broken, s.shrunk = s.grown+1, 0, false
	}
	switch {
	case s.broken >= evidence && s.shrunk: // a replaced text is hardly shorter
		s.mode = increments
	case s.grown >= evidence && len(c.text) >= minRepeated:
		s.mode = repeating
	}
}

// set replaces the text of a channel after an event that was not cut.
func (s *snapshots) set(c *channel, text string) {
	s.resets++
	c.text, c.base, c.reset = text, text, s.resets
}

// id returns the name of the channel in frames. Text after another base is another text.
func (c *channel) id() string {
	if c.reset == 0 {
		return c.name
	}
	return c.name + " #" + strconv.Itoa(c.reset)
}

// decodeSnapshots decodes an event with texts that may repeat the text before.
func (d *decoder) decodeSnapshots(e event, meaning *upstream.Meaning, isEnd bool) upstream.Event {
	s := &d.snapshots
	for _, t := range d.texts {
		s.learn(s.channel(t.channel), t.raw)
	}
	if s.mode == increments {
		if len(d.texts) == 1 && !d.ambiguous {
			return d.decodeText(e, meaning)
		}
		return d.pass(e, meaning, d.texts)
	}
	var added []text // the new ends of texts
	replaced := false
	for _, t := range d.texts {
		switch rest, ok := strings.CutPrefix(t.raw, s.channel(t.channel).text); {
		case !ok && s.mode == repeating:
			replaced = true
		case !ok:
			added = append(added, t)
		case rest != "":
			t.raw = rest
			added = append(added, t)
		}
	}
	if s.mode == repeating && len(added) == 1 && !replaced && !d.ambiguous {
		return d.decodeSnapshot(e, meaning, added[0])
	}
	for _, t := range d.texts {
		if c := s.channel(t.channel); c.text != t.raw {
			s.set(c, strings.Clone(t.raw))
		}
	}
	decoded := d.pass(e, meaning, added)
	if len(added) == 0 && !replaced {
		meaning.Kind = upstream.KindOther
		if isEnd {
			meaning.Kind = upstream.KindCompleted
		}
	}
	meaning.Ambiguous = meaning.Ambiguous || replaced
	return decoded
}

// decodeSnapshot decodes an event whose single new text follows the text before.
func (d *decoder) decodeSnapshot(e event, meaning *upstream.Meaning, t text) upstream.Event {
	c := d.snapshots.channel(t.channel)
	frame, _ := d.cut(e, t, c.id())
	frame.Snapshot = true
	frame.Head += c.base
	if frame.Twin != "" {
		frame.Twin += c.base
	}
	if once := frame.Once; once != nil {
		for _, p := range []*typewriter.Payload{&once.First, &once.Last, &once.Only} {
			if *p == (typewriter.Payload{}) {
				continue
			}
			p.Head += c.base
			if p.Twin != "" {
				p.Twin += c.base
			}
		}
	}
	if c.frame != nil && frame.Once == nil && *frame == *c.frame {
		frame = c.frame // an equal frame takes no memory
	}
	c.frame = frame
	c.text += t.raw
	meaning.Kind = upstream.KindText
	return upstream.Event{Event: typewriter.Event{Frame: frame, Text: t.raw}, Meaning: meaning}
}
