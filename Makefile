# make demo    what the server does, seen (needs Go alone; the first build takes a minute)
# make test    every test, with all the set-up that they need

GO ?= go
BUILD := $(CURDIR)/.build
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)

# A build in an environment without a home still has a place for caches.
ifeq ($(strip $(HOME)),)
export HOME := $(BUILD)/home
endif
# One static binary. The race detector alone needs cgo.
export CGO_ENABLED ?= 0

# How long each fuzz target runs.
FUZZTIME ?= 10s
# The packages whose tests run under the race detector: everything with goroutines of its own.
RACE := ./module/... ./meta/... ./extent/... ./auth/... ./internal/content ./internal/object ./internal/repository ./internal/usage \
	./internal/telemetry ./internal/server ./internal/s3 ./internal/oci

.PHONY: demo run build test check lint race fuzz e2e bench nightly generate tools clean

demo: build
	bin/zas demo

# A server on ./.data; its root pair is printed once.
run: build
	bin/zas serve --data .data --listen 127.0.0.1:9000

build:
	$(GO) build -buildvcs=false -trimpath -ldflags '$(LDFLAGS)' -o bin/zas ./cmd/zas

test: tools
	$(GO) test $(TESTFLAGS) ./...

# The programs that end-to-end tests start. Without them those tests are skipped, loudly; where CI=true they fail.
tools:
	@sh internal/e2e/setup.sh || { echo 'SKIPPED: some programs for end-to-end tests could not be installed' >&2; test "$$CI" != true; }

check: lint
	@files=$$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l); test -z "$$files" || { echo "not formatted: $$files" >&2; exit 1; }
	$(GO) vet ./...
	$(GO) mod tidy -diff
	$(GO) test ./internal/archtest ./internal/reference

lint:
	@tools/install lint golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	$(BUILD)/bin/golangci-lint run ./...

# Short: random histories are fewer, since each step costs ten times as much.
race:
	CGO_ENABLED=1 $(GO) test -race -short $(RACE)

# Every fuzz target for FUZZTIME.
fuzz:
	GO='$(GO)' tools/fuzz $(FUZZTIME)

# The real program and the clients that people use: a part of test.
e2e: tools
	$(GO) test -count 1 ./internal/e2e/...

# What the server costs, as ratios to floors measured in the same run.
bench: build
	$(GO) run ./bench -zas bin/zas

# What takes hours.
nightly: export ZAS_NIGHTLY=1
nightly: tools
	$(GO) test -timeout 6h -count 1 ./...
	cd auth/sigv4/oracletest && $(GO) test -count 1 ./...
	GO='$(GO)' tools/fuzz 10m

# What is made from the code: reference pages.
generate:
	$(GO) test ./internal/reference -update

clean:
	rm -rf bin $(BUILD)
