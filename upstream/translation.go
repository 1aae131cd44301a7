package upstream

import "iter"

// Translation puts a format of this server's own in front of a service with another format:
// questions are asked in the format of the service, and the events of the answers are
// translated.
type Translation struct {
	// From is the format of the service.
	From *Format

	// ReadQuestion decodes the JSON body of a request. An error describes the fault to the
	// client.
	ReadQuestion func(body []byte) (Question, error)

	// Events translates the events of a stream.
	Events func(events iter.Seq[Event]) iter.Seq[Event]
}

// wire returns the format of the service, which differs from f if f is translated. f may be
// nil.
func (f *Format) wire() *Format {
	if f != nil && f.Translation != nil {
		return f.Translation.From
	}
	return f
}
