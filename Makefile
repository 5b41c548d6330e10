# dynemu: emulated Cisco routers as a Linux service.
# `make help` lists what can be done here.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: build deb run stop test test-nightly test-peer test-metrics test-systemd promises lint bench bench-cpu bench-programs bench-guests fuzz firmware clean help deps-run deps-test deps-bench deps-systemd

export CGO_ENABLED := 0
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
GO ?= go
LDFLAGS := -s -w -X dynemu/emud.Version=$(VERSION)
BIN := bin
PROGRAMS := dynemud dynemu-netd dynemu dynemu-node dynamips

## build: compile the programs into bin/
build:
	@for p in $(PROGRAMS); do $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/$$p ./cmd/$$p; done
	@echo "built: $(PROGRAMS:%=$(BIN)/%)"

## deb: build the Debian package into bin/
DEB_VERSION ?= $(shell git describe --tags --match 'v[0-9]*' 2>/dev/null | sed 's/^v//; s/-/+/g' | grep . || echo "0.0.$$(git rev-list --count HEAD)+g$$(git rev-parse --short HEAD)")
deb: build
	@GO='$(GO)' ./packaging/deb.sh bin bin $(DEB_VERSION)

## run: build, start the service, run the tutorial's first lab and ping through it
run: deps-run build
	@$(GO) run ./tests/quickstart -bin bin

## stop: end everything that `make run` started
stop:
	@$(GO) run ./tests/quickstart -bin bin -stop

## test: lint, then all unit and end-to-end tests (as root: they make namespaces and mounts), those with fifty
##   routers by themselves, and a minute of fuzzing for each engine that guests feed
test: deps-test build lint
	DYNEMU_BIN=$(CURDIR)/bin $(GO) test -timeout 30m $$($(GO) list ./... | grep -v /tests/translator)
	DYNEMU_BIN=$(CURDIR)/bin $(GO) test -timeout 30m ./tests/translator
	@./tests/fuzz.sh 60s $(GUEST_FUZZ)
	@test -x /usr/bin/dynamips || echo "SKIP: dynamips cannot be installed here: nothing was compared with it"

## test-nightly: the translator at length: 10^9 random instructions on all engines and qemu, torture, fuzzing; an hour
test-nightly: deps-test build
	$(GO) test -count=1 -v -timeout 3h -run TestRandomInstructions ./tests/cpu -args -instructions 1000000000
	$(GO) test -count=1 -v -timeout 3h ./jit -args -programs 30000 -torture 60s -full
	DYNEMU_BIN=$(CURDIR)/bin $(GO) test -count=1 -v -timeout 1h ./tests/translator
	$(GO) test -run '^$$' -fuzz '^FuzzPages$$' -fuzztime 10m ./jit
	$(GO) test -run '^$$' -fuzz '^FuzzInstructions$$' -fuzztime 5m ./vm/mips

## test-peer: compare all hardware that a guest sees with Debian's dynamips, every NPE with every card, line by line
test-peer: deps-test build
	DYNEMU_BIN=$(CURDIR)/bin $(GO) test -count=1 -v -timeout 30m -run TestHardware ./tests/peer/hwprobe -args -full

## test-metrics: the file metrics before Prometheus' own checker, of Debian's package, whose server is not installed
test-metrics:
	@mkdir -p .cache/prometheus; test -x .cache/prometheus/usr/bin/promtool || \
	  (cd .cache/prometheus && apt-get -qq -o APT::Sandbox::User=root download prometheus && dpkg -x prometheus_*.deb . && rm prometheus_*.deb)
	PATH=$(CURDIR)/.cache/prometheus/usr/bin:$$PATH $(GO) test -count=1 -v -run TestMetrics ./emud

## promises: write docs/promises.md, what the tutorial promises and the tests that show it
promises:
	$(GO) run ./tests/promises

## test-systemd: the package and the service under systemd, in a container whose root is made in .cache once
test-systemd: deps-systemd build
	@mkdir -p .cache; test -e .cache/root/bin/systemctl || debootstrap --variant=minbase --include=$(SYSTEMD_ROOT_PACKAGES) bookworm .cache/root
	@$(MAKE) -s build BIN=.cache/next VERSION=$(VERSION)+next
	@rm -rf .cache/debs; GO='$(GO)' ./packaging/deb.sh bin .cache/debs 0.0.1; GO='$(GO)' ./packaging/deb.sh .cache/next .cache/debs 0.0.2
	DYNEMU_BIN=$(CURDIR)/bin DYNEMU_DEBS=$(CURDIR)/.cache/debs DYNEMU_SYSTEMD_ROOT=$(CURDIR)/.cache/root $(GO) test -count=1 -v ./tests/systemd

## lint: formatting, go vet and staticcheck (see staticcheck.conf), and the build for arm64
lint:
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "not formatted: $$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	GOARCH=arm64 $(GO) vet ./...
	GOARCH=arm64 $(GO) build ./...

## bench: measure and print the table of figures, with the peers in the same run
bench: build bench-guests
	@DYNEMU_BIN=$(CURDIR)/bin $(GO) test -count=1 -v -timeout 120m -run TestFigures ./tests/bench -args -figures
	@DYNEMU_BIN=$(CURDIR)/bin $(GO) test -count=1 -v -run TestHostileGuests ./tests/translator -args -alone

## bench-cpu: the processor alone, kernels and real programs, beside Debian's dynamips and qemu, best of 5. A line
##   more than 10 % below docs/performance.md fails it; with UPDATE=1 the new tables go there
bench-cpu: build bench-guests
	@DYNEMU_BIN=$(CURDIR)/bin $(GO) test -count=1 -v -timeout 120m -run 'TestFigures/(cpu|programs)' ./tests/bench -args -figures -rounds 5 $(if $(UPDATE),-update,-gate)

## bench-programs: real programs on the processor, beside Debian's dynamips and qemu; ONLY= and ENGINES= choose
ROUNDS ?= 3
bench-programs: build bench-guests
	@DYNEMU_BIN=$(CURDIR)/bin $(GO) test -count=1 -v -timeout 120m -run TestFigures/programs ./tests/bench -args -figures -rounds $(ROUNDS) -program '$(ONLY)' -engine '$(ENGINES)'

bench-guests: deps-bench
	@$(MAKE) -s -C tests/bench/programs all

## fuzz: every fuzz target for FUZZTIME (default 20s) each
FUZZTIME ?= 20s
fuzz:
	@grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r d; do \
	  grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$d/*_test.go | cut -c6- | while read -r f; do \
	    echo "$$d $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$d; done; done

## firmware: rebuild the bundled router image and the boot ROM from source
firmware:
	$(MAKE) -C vm/firmware/src
	$(MAKE) -C vm/rom/src

## clean: remove what was built
clean:
	rm -rf bin .cache

## help: this list
help:
	@sed -n 's/^##   /       /p; s/^## /  make /p' Makefile

# The engines that read and write a guest's memory on its behalf, the readers of images, and what has privilege.
GUEST_FUZZ := $(addprefix vm/chip/,am79c971:FuzzGuest dec21140:FuzzGuest i8254x:FuzzGuest mueslix:FuzzGuest \
  munich32:FuzzGuest posoc3:FuzzGuest tneta1570:FuzzGuest gt64k:FuzzRegisters) \
  vm/mem:FuzzBusMaster vm/board/c7200:FuzzCards vm/rom:FuzzLoad vm/rom/archive:FuzzMember jit:FuzzPages emud/netd:FuzzHandle

# What running a lab needs beyond a bare Debian; installed only when missing.
RUN_PACKAGES := iproute2 tcpdump procps
# What the tests need besides. dynamips is in Debian's non-free component.
TEST_PACKAGES := $(RUN_PACKAGES) qemu-user gcc-mips-linux-gnu gcc-mips64-linux-gnuabi64 libc6-dev-mips-cross libc6-dev-mips64-cross ethtool iputils-ping vim-tiny nano rsync linux-perf dosfstools mtools vde2 graphviz dynamips

# What is in the container of the systemd tests besides a minimal Debian.
SYSTEMD_ROOT_PACKAGES := systemd,systemd-sysv,dbus,iproute2,procps,mount,iputils-ping

deps-run:
	@./tests/packages.sh $(RUN_PACKAGES)

deps-systemd:
	@./tests/packages.sh $(RUN_PACKAGES) debootstrap systemd-container

deps-bench: deps-test
	@./tests/packages.sh qemu-system-mips dpkg-dev gcc libc6-dev tcl

deps-test:
	@./tests/packages.sh $(TEST_PACKAGES)
