package app

import (
	"fmt"

	"sse-typewriter/internal/config"
)

// banner returns the text for stdout when the server has started at an address: commands
// to try. Placeholders stand for the credentials and the bot that the server does not know.
func banner(conf *config.Config, address string, needsBot bool) string {
	header := ""
	switch {
	case len(conf.APIKeys.List) > 0:
		header = " -H 'Authorization: Bearer YOUR_KEY'"
	case conf.Upstream != "" && conf.UpstreamToken == "":
		header = " -H 'Authorization: Bearer YOUR_TOKEN'"
	}
	ask, post := "message=hello", ""
	if needsBot {
		ask, post = ask+"&bot_id=YOUR_BOT", "?bot_id=YOUR_BOT"
	}
	return fmt.Sprintf(`Serving on %[1]s. Open it in a browser, or try:

  curl -N '%[1]s/v3/chat?%[2]s'%[4]s
  curl -N -X POST '%[1]s/v3/chat%[3]s'%[4]s

`, address, ask, post, header)
}
