package terminal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// lastConversations is a file with the id of the last conversation with each server. The
// file holds no messages.
type lastConversations struct {
	path string // empty: nothing is kept
}

// The format and version of the file.
const (
	conversationsFormat  = "sse-typewriter conversations"
	conversationsVersion = 1
)

type conversationsFile struct {
	Format  string            `json:"format"`
	Version int               `json:"version"`
	Last    map[string]string `json:"last"` // by base URL
}

// load returns the id of the last conversation with a server.
func (l lastConversations) load(base string) (string, error) {
	content, err := l.read()
	if err != nil {
		return "", fmt.Errorf("cannot read the last conversation: %w", err)
	}
	if id := content.Last[serverKey(base)]; id != "" {
		return id, nil
	}
	return "", fmt.Errorf("no conversation with %s to continue: start one, or pass --conversation-id", base)
}

// read returns the content of the file. A missing file is empty.
func (l lastConversations) read() (conversationsFile, error) {
	content := conversationsFile{conversationsFormat, conversationsVersion, map[string]string{}}
	if l.path == "" {
		return content, nil
	}
	data, err := os.ReadFile(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return content, nil
	}
	if err != nil {
		return content, err
	}
	if err := json.Unmarshal(data, &content); err != nil || content.Format != conversationsFormat || content.Version != conversationsVersion {
		return content, fmt.Errorf("%s is not a file of conversations in version %d", l.path, conversationsVersion)
	}
	return content, nil
}

// save keeps the id of a conversation. Errors are ignored: the id can still be passed with
// --conversation-id. A file in another format stays as is.
func (l lastConversations) save(base, id string) {
	content, err := l.read()
	if l.path == "" || err != nil {
		return
	}
	if content.Last == nil {
		content.Last = map[string]string{}
	}
	content.Last[serverKey(base)] = id
	data, _ := json.Marshal(content) // cannot fail for strings
	if os.MkdirAll(filepath.Dir(l.path), 0o700) != nil {
		return
	}
	// A rename keeps concurrent readers from half a file.
	temporary, err := os.CreateTemp(filepath.Dir(l.path), ".conversations-*")
	if err != nil {
		return
	}
	_, err = temporary.Write(data)
	if errors.Join(err, temporary.Close()) == nil {
		err = os.Rename(temporary.Name(), l.path)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
	}
}

func serverKey(base string) string { return strings.TrimRight(base, "/") }
