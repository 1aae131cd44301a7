// Package promises tests the promises of docs/promises.md from outside, against the built
// program or any other deployment:
//
//	go test ./test/promises -server https://chat.example.com -key KEY
//
// The tests open a few dozen short chats at the service behind the deployment.
package promises
