package mock

import (
	"bytes"
	"fmt"
	"time"
)

// dialect writes an event as bytes. The number counts the events of a stream
// from 0.
type dialect func(number int, b timedEvent) []byte

// inCoze is how the cloud service writes.
func inCoze(_ int, b timedEvent) []byte {
	return fmt.Appendf(nil, "event:%s\ndata:%s\n\n", b.name, b.data)
}

// inWorkflow is how the cloud service writes the chat of a workflow.
func inWorkflow(_ int, b timedEvent) []byte {
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", b.name, b.data)
}

// inCRLF is inCoze with the line ends of the HTTP world.
func inCRLF(number int, b timedEvent) []byte {
	return bytes.ReplaceAll(inCoze(number, b), []byte("\n"), []byte("\r\n"))
}

// inCR is inCoze with the line ends that nobody uses and the standard allows.
func inCR(number int, b timedEvent) []byte {
	return bytes.ReplaceAll(inCoze(number, b), []byte("\n"), []byte("\r"))
}

// inComments uses all that the standard has and Coze has not: a byte order mark,
// comments, retry, ids, spaces after colons, and two data lines for one JSON.
func inComments(number int, b timedEvent) []byte {
	var out []byte
	if number == 0 {
		out = append(out, "\uFEFF: a comment at the start\nretry: 3000\n\n"...)
	}
	if number%4 == 2 {
		out = append(out, ": still here\n\n"...)
	}
	id := fmt.Sprintf("id: %d\n", number)
	if number%2 == 0 {
		out = append(out, id...)
		id = ""
	}
	out = fmt.Appendf(out, "event: %s\n%s", b.name, id)
	// A line may end where JSON allows white space: after its first comma.
	if head, tail, ok := bytes.Cut(b.data, []byte(`,"`)); ok && number%3 != 0 {
		return fmt.Appendf(out, "data: %s,\n: in between\ndata: \"%s\n\n", head, tail)
	}
	return fmt.Appendf(out, "data: %s\n\n", b.data)
}

// steps writes beats down; those without a pause join the step before.
func steps(beats []timedEvent, write dialect) []Step {
	var out []Step
	for i, b := range beats {
		text := write(i, b)
		if i > 0 && b.after == 0 {
			last := &out[len(out)-1]
			last.Bytes = append(last.Bytes, text...)
			continue
		}
		out = append(out, Step{After: b.after, Bytes: text})
	}
	return out
}

// delivery is how a scenario's beats reach the client.
type delivery func([]timedEvent) ([]Step, Ending)

// whole delivers everything in the dialect.
func whole(write dialect) delivery {
	return func(beats []timedEvent) ([]Step, Ending) { return steps(beats, write), EndWell }
}

// cutMiddle breaks the connection in the middle of a delta in the middle of the
// answer.
func cutMiddle(beats []timedEvent) ([]Step, Ending) {
	i := middle(beats)
	last := inCoze(i, beats[i])
	return append(steps(beats[:i], inCoze), Step{beats[i].after, last[:len(last)/2]}), EndCut
}

// cutEarly breaks the connection before the first delta.
func cutEarly(beats []timedEvent) ([]Step, Ending) {
	return steps(beats[:firstDelta(beats)], inCoze), EndCut
}

// stopMiddle ends the response in good form in the middle of the answer.
func stopMiddle(beats []timedEvent) ([]Step, Ending) {
	return steps(beats[:middle(beats)], inCoze), EndWell
}

// hang delivers everything there is and then keeps silent.
func hang(beats []timedEvent) ([]Step, Ending) { return steps(beats, inCoze), EndHang }

// byteByByte makes each byte a step of its own. The last byte of an event is
// sent when the event is due; see slowEnoughForBytes.
func byteByByte(beats []timedEvent) ([]Step, Ending) {
	var out []Step
	for i, b := range beats {
		text := inCoze(i, b)
		wait := b.after - time.Duration(len(text)-1)*byteTime
		for j := range text {
			out = append(out, Step{wait, text[j : j+1]})
			wait = byteTime
		}
	}
	return out, EndWell
}

// byteTime is the pause before each byte in byteByByte.
const byteTime = time.Millisecond

// slowEnoughForBytes stretches a script so that byteByByte has time for each
// byte of an event before the event is due.
func slowEnoughForBytes(beats []timedEvent) {
	for i, b := range beats {
		beats[i].after = max(b.after, time.Duration(len(inCoze(i, b)))*byteTime)
	}
}

// firstDelta is the place of the first delta, or the end when there is none.
func firstDelta(beats []timedEvent) int {
	for i, b := range beats {
		if b.name == eventMessageDelta {
			return i
		}
	}
	return len(beats)
}

// middle is the place of the delta in the middle.
func middle(beats []timedEvent) int {
	var deltas []int
	for i, b := range beats {
		if b.name == eventMessageDelta {
			deltas = append(deltas, i)
		}
	}
	if len(deltas) == 0 {
		return len(beats) - 1
	}
	return deltas[len(deltas)/2]
}
