// Package access decides who may use the server and how much: API keys, client
// addresses, pages of other origins, and admission under rate and concurrency limits.
package access
