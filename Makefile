# Development tasks. CI runs check and test.

GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
TOOL := go tool -modfile=tools.mod
.PHONY: build dist run test test-short check fmt sim screenshots recording bench bench-go fuzz chaos soak prose

build: ## build the binary
	go build -trimpath -o sse-typewriter .
dist: ## build static binaries for Linux and macOS, with checksums, in dist/
	scripts/dist
run: build ## serve on 127.0.0.1:8380 with the built-in mock
	./sse-typewriter

test: ## run all tests, with the race detector if there is a C compiler
	@scripts/install-test-deps
	race=$$(command -v cc gcc >/dev/null 2>&1 && echo -race); go test $$race $$(go list ./... | grep -v /test/proxy) && go test $$race ./test/proxy # separately, since it loads the machine
test-short: ## run the fast tests: no Chromium, nginx, Redis or npm
	go test -short ./...
check: ## check the format and run the linters
	@unformatted=$$($(TOOL) gofumpt -l .); test -z "$$unformatted" || { echo "not formatted, run make fmt:" $$unformatted; exit 1; }
	go vet ./...
	$(TOOL) staticcheck ./...
	$(GOLANGCI) run ./...
fmt: ## format the code
	$(TOOL) gofumpt -w .

sim: ## simulate the pacing, write the tables of docs/pacing.md and draw docs/img/pacing.svg
	go test ./test/sim -count=1 -v -update
screenshots: ## update the screenshots in docs/img
	@scripts/install-test-deps
	go test ./test/browser -count=1 -run TestScreenshots -update
recording: ## update docs/img/terminal.svg, a recording of the chat command
	go test ./test/recording -count=1 -run TestRecording -update

bench: ## compare with other programs, 8 minutes; ARGS=-short for a quick look, ARGS=-update for docs/performance.md
	@scripts/install-test-deps
	go run ./test/bench $(ARGS)
bench-go: ## run the Go benchmarks: decode, splice, split, pace, encode
	go test -run '^$$' -bench . -benchmem ./typewriter ./upstream/... ./handler
chaos: ## read 3,000 answers while replicas and Redis fail, 3 minutes; ARGS=-seed=N repeats a run
	@scripts/install-test-deps
	go test ./test/chaos -count=1 -run TestChaos -v -timeout 30m -args -answers=3000 $(ARGS)
soak: ## read answers in every format for an hour, while replicas are killed; ARGS=-duration=5m is shorter
	@scripts/install-test-deps
	go test ./test/soak -count=1 -v -timeout 3h -args -duration=1h $(ARGS)
fuzz: ## run each fuzz target for 30 s
	scripts/fuzz 30s
prose: ## measure the English of doc comments and documents; ARGS=-list prints clauses
	@go run ./scripts/prose $(ARGS)
