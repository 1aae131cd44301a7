// Package hertzio looks after the connections of clients, below HTTP: how many there are,
// how long a client may take to read, and whether it is still there. It never looks at
// what they say: a request and its reply are bytes to it.
package hertzio
