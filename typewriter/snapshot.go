package typewriter

import "time"

// snapshotRate bounds the rate of a typed stream of snapshots, in bytes per second. Each event
// repeats the text before it, so without the bound the traffic of an answer would grow as
// the square of its length.
const snapshotRate = 64 << 10

// Snapshots collects the texts of channels whose frames are snapshots. The zero value is
// ready to use, and a nil pointer has collected nothing.
type Snapshots struct {
	texts map[string][]byte // by channel
}

// add adds the text of an event. Texts of other frames are ignored.
func (s *Snapshots) add(frame *Frame, text []byte) {
	if s == nil || !frame.Snapshot {
		return
	}
	if s.texts == nil {
		s.texts = map[string][]byte{}
	}
	s.texts[frame.Channel] = append(s.texts[frame.Channel], text...)
}

// of returns the text of a frame's channel, valid until the next call of add.
func (s *Snapshots) of(frame *Frame) []byte { return s.texts[frame.Channel] }

// interval returns the minimum interval before an event with a frame. The interval is 0
// unless the frame is a snapshot.
func (s *Snapshots) interval(frame *Frame) time.Duration {
	if s == nil || !frame.Snapshot {
		return 0
	}
	return time.Duration(len(s.of(frame))) * time.Second / snapshotRate
}

// Payload returns the payload of the next event of a stream, as [Event.Payload] does. A
// snapshot contains the text of the events before. The events must come in their order.
func (s *Snapshots) Payload(e Event) string {
	if !e.Frame.Snapshot {
		return e.Payload()
	}
	s.add(e.Frame, []byte(e.Text))
	e.Text = string(s.of(e.Frame))
	return e.Payload()
}
