# jwtgate: run `make` for the list of commands. A fresh machine needs Go, Python 3
# and make; the commands download everything else into .tools/.

.NOTPARALLEL:
.PHONY: help demo build test race e2e test-lint test-providers test-browser test-outside test-apps soak test-deploy test-kubernetes release release-files release-check scale fuzz mutate bench bench-check bench-pages vulncheck check tools clean

PYTHON ?= python3
GO_DIRS := $(wildcard cmd internal envoy deploy .setup)

# The version is set here and not by Go's own VCS stamping, because
# `GOFLAGS=-buildvcs=false` turns that off.
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
# The shell reads these from its environment. If make wrote the name of a tag into a
# command, the shell would execute the `...` and $(...) that Git allows in it. make
# itself expands $(...) in an argument, so set others by VERSION=... COMMIT=... make -e.
export VERSION COMMIT
LDFLAGS := -X main.version=$$VERSION -X main.commit=$$COMMIT

help: ## print this list
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## run the guided tour: jwtgate, a real Envoy, an application, and pages for a browser (make demo ARGS=--once)
	@[ -x bin/jwtgate ] || echo "The first run downloads Envoy and Go modules and builds jwtgate: about three minutes on two cores."
	@$(call provide,envoy)
	@$(MAKE) --no-print-directory build
	@bin/jwtgate demo $(ARGS)

build: ## build bin/jwtgate
	@CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o bin/jwtgate ./cmd/jwtgate

# The end-to-end tests run separately, because they measure real programs in real
# time. -shuffle=on also prevents Go from using its test cache, which does not know
# that they depend on the program they build. They take four minutes, and more on a
# busy machine: Go's default limit is ten.
UNIT_PACKAGES = $$(go list ./... | grep -v '/internal/e2e$$')

test: tools check ## run check, then all tests, with a real Envoy, a Cognito emulator and promtool
	go test -shuffle=on $(TESTFLAGS) $(UNIT_PACKAGES)
	go test -shuffle=on -timeout 20m $(TESTFLAGS) ./internal/e2e

# Files of the end-to-end tests that begin with "//go:build !race" contain the tests
# that the race detector does not run; internal/e2e/doc_test.go says why. Without them,
# the run takes at most eight minutes on two cores.
race: tools ## run unit tests and concurrent end-to-end tests under the race detector; needs a C compiler
	@command -v "$$(go env CC)" >/dev/null || \
		{ echo "make race: the race detector needs a C compiler, but $$(go env CC) is missing; install gcc or clang"; exit 1; }
	CGO_ENABLED=1 go test -race -shuffle=on $(TESTFLAGS) $(UNIT_PACKAGES)
	CGO_ENABLED=1 go test -race -shuffle=on -timeout 20m $(TESTFLAGS) ./internal/e2e

e2e: tools ## run only the end-to-end tests
	go test -shuffle=on -timeout 20m $(TESTFLAGS) ./internal/e2e

# Each mutant of the shipped Envoy file replaces the listeners of one running
# Envoy. LINT_MUTANTS=5000 runs more mutants, LINT_SEED=7 begins with others.
LINT_MUTANTS ?= 600
LINT_SEED ?= 0
test-lint: tools ## check that lint-envoy finds each mutant of the Envoy file that lets a request through (LINT_MUTANTS=5000), and holes of older Envoys
	@$(call provide,envoy-1.37.0 envoy-1.39.0)
	LINT_MUTANTS=$(LINT_MUTANTS) LINT_SEED=$(LINT_SEED) go test -tags lintguard -count=1 -timeout 30m \
		-run '^(TestLintGuard|TestLintReleases|TestEncodedDotsAreNotResolved)$$' $(TESTFLAGS) ./internal/e2e

test-providers: ## test with a real identity provider, Keycloak; needs Maven and a JDK 17 or later
	@$(call provide,java envoy moto promtool keycloak)
	go test -shuffle=on $(TESTFLAGS) -tags providers -run '^TestProvider' ./internal/e2e

test-browser: ## test pages in a real browser; needs Chromium, Node.js and npm, and what test-providers needs
	@$(call provide,java node envoy moto browser frontend keycloak)
	go test -tags browser -count=1 -timeout 20m $(TESTFLAGS) ./internal/browser

test-outside: test-providers test-browser ## run test-providers and test-browser: everything with programs from outside

test-apps: ## test in front of Express, Django, Flask, Go and Tomcat; needs Node.js, npm, Maven and a JDK 17 or later
	@$(call provide,java node envoy apps-python apps-node apps-java)
	go test -tags apps -count=1 $(TESTFLAGS) ./internal/apps

# Ten minutes, or SOAK=90s for a short run. It prints its figures.
SOAK ?= 10m
soak: tools ## run two replicas behind Envoy for ten minutes while keys and files change; check every answer (SOAK=90s)
	SOAK=$(SOAK) go test -count=1 -timeout 0 -v $(TESTFLAGS) -tags soak -run '^TestSoak$$' ./internal/e2e

test-deploy: ## build the image and test all of deploy/; as root, with buildah, busybox-static and iproute2
	@for needed in buildah busybox ip setpriv bash; do command -v $$needed >/dev/null || \
		{ echo "make test-deploy: $$needed is missing (Debian and Ubuntu: apt-get install buildah busybox-static iproute2)"; exit 1; }; done
	@[ "$$(id -u)" = 0 ] || { echo "make test-deploy: must run as root, because it creates network namespaces and mounts"; exit 1; }
	@$(call provide,envoy moto manifests gotools crds)
	@go mod download
	go test -tags deploy -count=1 $(TESTFLAGS) ./internal/deploy

test-kubernetes: ## apply all of deploy/ to a real Kubernetes API server, which Go builds once
	@$(call provide,envoy moto manifests gotools crds kubeapi)
	go test -tags deploy,kubernetes -count=1 $(TESTFLAGS) -run '^TestAPIServer$$' ./internal/deploy

# These files contain nothing that depends on the machine: the same Go version and
# the same source give the same bytes everywhere.
DIST ?= dist
GOTOOLS ?= $(CURDIR)/.tools/gotools/bin
GOFIPS140 ?= off
release: ## write the binaries for Linux, amd64 and arm64, SBOMs, licences and SHA256SUMS to dist/
	@$(call provide,gotools)
	@go mod download
	@$(MAKE) --no-print-directory release-files

release-files:
	@rm -rf $(DIST) && mkdir -p $(DIST)
	@set -e; for arch in amd64 arm64; do \
		file=$(DIST)/jwtgate_linux_$$arch; \
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch GOAMD64=v1 GOARM64=v8.0 GOFLAGS= GOEXPERIMENT= GOWORK=off GOFIPS140=$(GOFIPS140) \
			go build -trimpath -buildvcs=false -ldflags "-s -w $(LDFLAGS)" -o $$file ./cmd/jwtgate; \
		GOPROXY=off $(GOTOOLS)/cyclonedx-gomod bin -json -noserial -notimestamp -licenses -std \
			-version "$$VERSION" -output $$file.cdx.json $$file 2>$(DIST)/log || { cat $(DIST)/log; exit 1; }; \
		$(PYTHON) -B .setup/sbom.py $$file.cdx.json $(DIST)/jwtgate_image_linux_$$arch.cdx.json; \
	done
	@rm $(DIST)/log && cp LICENSE NOTICE $(DIST)/
	@cd $(DIST) && sha256sum LICENSE NOTICE jwtgate_* > SHA256SUMS && cat SHA256SUMS

release-check: ## check that two builds in two places are identical and report their version
	@$(call provide,gotools)
	@go mod download
	go test -tags release -count=1 -run '^TestRelease' $(TESTFLAGS) ./internal/deploy

# All fuzz targets, one after the other. A failing input is saved under the
# package's testdata/fuzz and is a test from then on. An interrupt ends each target,
# because `go test -fuzztime` sometimes fails when its time is over ("context deadline
# exceeded", go.dev/issue/75804). By default, Go takes up to a minute to shorten an
# input that reaches new code, which is the whole time of a short run.
FUZZTIME ?= 1m
fuzz: ## run every fuzz target for a minute (FUZZTIME=5s for a short run)
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; cache=$$(go env GOCACHE)/fuzz; \
	for package in $(UNIT_PACKAGES); do \
		targets=$$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); \
		[ -n "$$targets" ] || continue; \
		go test -c -fuzz . -o $$dir/fuzz.test $$package; \
		cd $$(go list -f '{{.Dir}}' $$package); \
		for target in $$targets; do \
			echo "$$package $$target"; \
			timeout --preserve-status --signal INT --kill-after 60 $(FUZZTIME) $$dir/fuzz.test -test.run '^$$' \
				-test.fuzz "^$$target$$" -test.fuzzcachedir $$cache/$$package -test.fuzzminimizetime 1s; \
		done; \
		cd $(CURDIR); \
	done

mutate: ## switch off each check in turn; some test must fail
	go test -tags mutate -run '^TestMutants$$' -count=1 -timeout 60m -v ./internal/house

# The results are precise only on a machine that runs nothing else. BENCH=quick
# takes 3 minutes instead of 10. AGAINST=PROGRAM also measures another build of
# jwtgate, which takes twice as long. ARGS are flags of internal/bench.
BENCH ?= full
AGAINST ?=
BENCH_COMMAND = go run ./internal/bench $(if $(filter quick,$(BENCH)),-quick) $(if $(AGAINST),-against $(AGAINST))

bench: ## measure the cost of a Check, compared with other servers and filters (BENCH=quick, AGAINST=another jwtgate)
	@$(call provide,envoy)
	@$(MAKE) --no-print-directory build
	@$(BENCH_COMMAND) $(ARGS)

bench-check: ## measure the goals of docs/performance.md; fail if one is missed
	@$(call provide,envoy)
	@$(MAKE) --no-print-directory build
	@$(BENCH_COMMAND) -check $(ARGS)

bench-pages: ## measure everything and write the tables of docs/performance.md and docs/capacity.md, if every goal is met
	@$(call provide,envoy)
	@$(MAKE) --no-print-directory build
	@$(BENCH_COMMAND) -markdown docs/performance.md,docs/capacity.md $(ARGS)

scale: ## measure how a fleet behaves, from 1 to 1,000 replicas: the tables of docs/scale.md
	@$(call provide,envoy)
	@go test -tags scale -count=1 -v -run '^TestScale' ./internal/deploy

vulncheck: ## look for known vulnerabilities in what jwtgate calls; asks vuln.go.dev
	go tool govulncheck ./...

# Each selects the tests of one of the commands above.
TEST_TAGS := providers,apps,browser,soak,deploy,kubernetes,release,scale,lintguard,mutate
check: ## run gofmt, vet and staticcheck
	@unformatted=$$(gofmt -l $(GO_DIRS)); \
		if [ -n "$$unformatted" ]; then echo "not formatted; run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet -tags $(TEST_TAGS) ./...
	go vet -tags nodemo ./cmd/jwtgate
	go tool staticcheck -tags $(TEST_TAGS) ./...

tools: ## download the pinned Envoy, Cognito emulator and promtool into .tools/
	@$(call provide,envoy moto promtool)

clean: ## remove bin/, dist/ and .tools/
	rm -rf bin dist .tools

define provide
command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is missing; install Python 3 with venv"; exit 1; }; \
	$(PYTHON) -B .setup/tools.py check $(1)
endef
