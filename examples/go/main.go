// Command go prints the answer to a question as it arrives, using the standard library only:
// go run ./examples/go 'a question'.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
)

func main() {
	base := cmp.Or(os.Getenv("BASE_URL"), "http://127.0.0.1:8380")
	question := strings.Join(os.Args[1:], " ")
	reply, err := http.Post(base+"/v3/chat?message="+url.QueryEscape(question), "", nil) //nolint:noctx // it ends with the process
	if err != nil {
		log.Fatal(err)
	}
	defer reply.Body.Close() //nolint:errcheck // already read
	if !strings.HasPrefix(reply.Header.Get("Content-Type"), "text/event-stream") {
		why, _ := io.ReadAll(reply.Body)
		log.Fatalf("%s", why)
	}
	lines := bufio.NewScanner(reply.Body)
	lines.Buffer(nil, 8<<20) // the completed event contains the whole text
	for name := ""; lines.Scan(); {
		field, value, _ := strings.Cut(lines.Text(), ":")
		switch {
		case field == "event":
			name = value
		case name == "conversation.message.delta" && field == "data":
			var delta struct{ Content string }
			if err := json.Unmarshal([]byte(value), &delta); err != nil {
				log.Fatal(err)
			}
			fmt.Print(delta.Content)
		case name == "error":
			log.Fatal(value)
		case name == "done":
			fmt.Println()
			return
		}
	}
	log.Fatal("the stream was cut: ", lines.Err())
}
