// Package access limits the use of the server by clients: API keys, client
// addresses, pages of other origins, and admission under rate and concurrency limits.
package access
