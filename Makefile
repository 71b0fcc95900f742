# What a developer does in a day. .ci/run does all of it on a fresh machine.

GO                    ?= go
# A number of inputs, not a time: at the end of a time Go's fuzzer at times reports a failure
# ("context deadline exceeded") that is none of the target's.
FUZZTIME              ?= 100000x
GOLANGCI_LINT_VERSION ?= v2.15.0

# The version is part of the name: a new one is built once, an old one is never run by mistake.
LINT := bin/golangci-lint-$(GOLANGCI_LINT_VERSION)

.PHONY: linter help build test race vet fmt lint fuzz cross tidy-check bench clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 12

build: ## build the commands into ./bin
	$(GO) build -o bin/ ./cmd/...

test: ## install what the tests need (Debian, root), run them all
	scripts/install-test-peers
	$(GO) test -timeout 20m ./...

race: ## the same tests under the race detector, the balancer of the end-to-end tests included
	scripts/prove-race
	EXPECT_RACE=1 $(GO) test -race -timeout 20m ./...

vet: ## go vet
	$(GO) vet ./...

fmt: ## fail when a file is not as gofmt writes it
	@files=$$(gofmt -l .); test -z "$$files" || { echo "not gofmt-clean:"; echo "$$files"; exit 1; }

linter: $(LINT)

lint: $(LINT) ## golangci-lint, with the linters named in .golangci.yml
	$(LINT) run

$(LINT):
	GOBIN=$(CURDIR)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv bin/golangci-lint $@

fuzz: ## every fuzz target for FUZZTIME (100000x: so many inputs); targets are found by listing
	scripts/fuzz $(FUZZTIME)

cross: ## it builds elsewhere; vet type-checks tests, too, some of which use what Windows does not have
	GOOS=darwin GOARCH=arm64 $(GO) vet ./...
	GOOS=darwin GOARCH=arm64 $(GO) build ./...
	GOOS=windows $(GO) build ./...
	GOOS=linux GOARCH=arm64 $(GO) build ./...

tidy-check: ## go.mod and go.sum say what the code needs, and the modules are what go.sum says
	$(GO) mod tidy -diff
	$(GO) mod verify

bench: build ## mqttlb beside HAProxy in 3 minutes: fails when a ratio is 15 % worse than recorded
	bin/mqttbench compare --pairs 5 --turn 500ms --alone --recorded bench/compare/recorded.json

clean: ## remove what was built
	rm -rf bin
