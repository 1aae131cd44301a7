package upstream

import (
	"bufio"
	"bytes"
	"io"
	"mime"
	"net/http"
	"slices"
)

// Recognize returns the format of a stream that only the reply tells, or nil for any other
// reply. Recognize may wait for the first event, unless the stream begins with a comment:
// services send comments while the first event takes long. The events of the reply are then
// of the format.
func (r *Reply) Recognize(formats Formats) *Format {
	if !r.isFramed(SSE) || r.isCompressed() || r.format != nil && r.format.Translation != nil {
		return nil
	}
	format := formats.match(func(f *Format) bool { return f.MatchHeader != nil && f.MatchHeader(r.Header) })
	if format == nil && (r.format == nil || !r.IsStream()) {
		format = r.matchFirstEvent(formats)
	}
	if format != nil {
		r.format, r.decoder, r.recovery = format, format.NewDecoder(), &noRecovery{}
	}
	return format
}

// matchFirstEvent returns the format of a stream by the first event, or nil. The event stays
// in the body.
func (r *Reply) matchFirstEvent(formats Formats) *Format {
	formats = slices.DeleteFunc(slices.Clone(formats), func(f *Format) bool { return f.MatchEvent == nil })
	if len(formats) == 0 {
		return nil
	}
	buffered := bufio.NewReader(r.Body)
	r.Body = &rewound{buffered, r.Body}
	if first, err := buffered.Peek(1); err != nil || first[0] == ':' {
		return nil // the reader of the body gets the error
	}
	var begin bytes.Buffer
	events := &eventReader{r: io.TeeReader(r.Body, &begin), max: r.client.MaxEventBytes}
	first, err := events.read()
	r.Body = &rewound{io.MultiReader(&begin, r.Body), r.Body}
	if err != nil {
		return nil
	}
	return formats.match(func(f *Format) bool { return f.MatchEvent(first.data) })
}

// match returns the first format with a property, or nil.
func (f Formats) match(has func(*Format) bool) *Format {
	if i := slices.IndexFunc(f, has); i >= 0 {
		return f[i]
	}
	return nil
}

// rewound is a body whose beginning is read again.
type rewound struct {
	io.Reader
	io.Closer
}

// isFramed reports whether the reply is a stream with a framing, judged by its Content-Type:
// requests do not reliably have an Accept header.
func (r *Reply) isFramed(f Framing) bool {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && f.hasMediaType(mediaType) && r.Status == http.StatusOK
}

// isCompressed reports whether the body of the reply is compressed.
func (r *Reply) isCompressed() bool {
	encoding := r.Header.Get("Content-Encoding")
	return encoding != "" && encoding != "identity"
}
