package typewriter

// seriesCounts are the next numbers of the series of a stream, by name; nil before the first
// event of a series.
type seriesCounts map[string]int64

// next returns the number of the next event of a series.
func (c *seriesCounts) next(series *Series, s *playback) int64 {
	if *c == nil {
		*c = s.seriesBefore(s.player.From)
	}
	n, begun := (*c)[series.Name]
	if !begun {
		n = series.First
	}
	(*c)[series.Name] = n + 1
	return n
}

// seriesBefore counts the events of all series before a position, which another player may
// have written: at most one for each cluster.
func (s *playback) seriesBefore(end Position) seriesCounts {
	counts := seriesCounts{}
	for i := range min(end.Entry+1, s.available) {
		e, _, _ := s.log.Read(i)
		text := e.Text
		if i == end.Entry {
			text = text[:min(end.Offset, len(text))]
		}
		series := e.Frame.Series
		if series == nil || i == end.Entry && text == "" {
			continue
		}
		if _, begun := counts[series.Name]; !begun {
			counts[series.Name] = series.First
		}
		counts[series.Name] += s.maxPieces(text)
	}
	return counts
}

// maxPieces returns the maximum number of events that an event with a text becomes.
func (s *playback) maxPieces(text string) (n int64) {
	for text != "" {
		text = text[s.segmenter.split.first(text).size:]
		n++
	}
	return max(n, 1)
}
