# Everything that is done with this project. CI runs check and test.

GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
TOOL := go tool -modfile=tools.mod
.PHONY: build dist run test check fmt sim screenshots recording bench bench-go fuzz prose

build: ## the binary
	go build -trimpath -o sse-typewriter .
dist: ## static binaries for Linux and macOS, and their sums, in dist/
	scripts/dist
run: build ## serve on 127.0.0.1:8380 against the stand-in
	./sse-typewriter

test: ## all tests, with the race detector where there is a C compiler
	@scripts/install-test-deps
	race=$$(command -v cc gcc >/dev/null 2>&1 && echo -race); go test $$race $$(go list ./... | grep -v /test/proxy) && go test $$race ./test/proxy # alone: it loads the machine
check: ## format and linters
	@unformatted=$$($(TOOL) gofumpt -l .); test -z "$$unformatted" || { echo "not formatted, run make fmt:" $$unformatted; exit 1; }
	go vet ./...
	$(TOOL) staticcheck ./...
	$(GOLANGCI) run ./...
fmt: ## format
	$(TOOL) gofumpt -w .

sim: ## simulate the pacing and write the tables of docs/pacing.md
	go test ./test/sim -count=1 -run TestSimulation -v -update
screenshots: ## write the pictures of the pages, docs/img
	@scripts/install-test-deps
	go test ./test/browser -count=1 -run TestScreenshots -update
recording: ## draw docs/img/terminal.svg: the client in a terminal
	go test ./test/recording -count=1 -run TestRecording -update

bench: ## ours beside other programs, 8 minutes; ARGS=-short is a look, -update writes docs/performance.md
	@scripts/install-test-deps
	go run ./test/bench $(ARGS)
bench-go: ## Go benchmarks: decode, splice, split, pace, encode
	go test -run '^$$' -bench . -benchmem ./typewriter ./upstream ./handler
fuzz: ## each fuzz target for 30 s
	scripts/fuzz 30s
prose: ## pronouns and "what is" clauses in doc comments and documents; a measure, no gate
	@go run ./scripts/prose $(ARGS)
