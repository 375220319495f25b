# Bellhop. `make run` shows it at work, `make test` proves it, `make help` lists the rest.
#
# Beyond Go, Python 3 with venv, make and git, everything that is needed is
# installed into this folder: .venv (MiniStack and the SAM CLI), .local (what
# runs here), .aws-sam (what goes to AWS). `make clean` removes all three.

.PHONY: help run up deploy invoke build test torture explore bench fuzz lint fmt clean tools compile setup stage vet unit
.DEFAULT_GOAL := help

# Nothing here may lead to somebody's AWS account: that is `sam deploy`'s, by hand.
unexport AWS_PROFILE
AWS_DEFAULT_REGION := us-east-1
SAM_CLI_TELEMETRY := 0
# Where the SAM CLI keeps notes about itself; its default is the home folder.
__SAM_CLI_APP_DIR := $(CURDIR)/.local/sam
export AWS_DEFAULT_REGION SAM_CLI_TELEMETRY __SAM_CLI_APP_DIR

SAM   := .venv/bin/sam
LOCAL := .local/bin/bellhop-local

help:
	@echo 'make run      about 90 seconds of life on this machine, then a table (ARGS=--help tells what can be set)'
	@echo 'make test     everything that is checked before a change lands'
	@echo 'make explore  the refresh cycle under every interleaving and fault, for some minutes (ARGS="-seed 7 -wander 1m")'
	@echo 'make fuzz     every fuzz function, one after another (FUZZTIME=10m for each, FUZZ=regexp for some, ARGS="--keep 20" grows their corpora)'
	@echo 'make torture  1,500 grants, 100,000 rotations, a thousand kills: 50 minutes, into docs/figures.md (ARGS="--rotations 20000 --grace 0")'
	@echo 'make bench    what is promised in numbers, measured into docs/figures.md (some minutes, on a machine that does nothing else)'
	@echo 'make up       the local stack, until Ctrl-C'
	@echo 'make invoke   FUNCTION=pusher EVENT=events/rates.json: one event, on the stack that `make up` runs'
	@echo 'make deploy   the present code, onto the stack that `make up` runs'
	@echo 'make build    the functions as they go to AWS, with their sizes and start times'
	@echo 'make lint     go vet, staticcheck, sam validate --lint'
	@echo 'make fmt      gofmt                make clean    forget all that was installed and built'
	@echo
	@echo 'To AWS: .venv/bin/sam build && .venv/bin/sam deploy'

# ------------------------------------------------------------------- daily

run: stage
	@$(PLAIN) go build -o .local/bin/bellhop ./cmd/bellhop
	@$(LOCAL) show $(ARGS)

torture: stage
	@$(LOCAL) torture $(ARGS)

up: stage
	@$(LOCAL) up $(ARGS)

deploy: stage
	@$(LOCAL) deploy $(ARGS)

invoke: $(LOCAL)
	@test -n '$(FUNCTION)' && test -n '$(EVENT)' || { echo 'usage: make invoke FUNCTION=pusher EVENT=events/rates.json' >&2; exit 2; }
	@$(LOCAL) invoke $(FUNCTION) --event $(EVENT) $(ARGS)

build: stage
	@$(SAM) build >.local/aws-build.log 2>&1 || { cat .local/aws-build.log >&2; exit 1; }
	@$(PLAIN) go -C local build -ldflags '-s -w' -o ../.local/bin/hello ./startup/hello
	@$(LOCAL) measure

lint: vet
	@$(SAM) validate --lint

vet: setup
	$(PLAIN) go vet ./...
	$(PLAIN) go -C local vet ./...
	@$(PLAIN) go build -o .local/bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	.local/bin/staticcheck ./...
	cd local && ../.local/bin/staticcheck ./...

# The end-to-end tests come last and by themselves: they start the stack once
# and measure time, so nothing else may run beside them.
test: lint stage unit
	@BELLHOP_E2E=1 $(PLAIN) $(call watched,e2e) --logs .local/run go -C local test -json -shuffle=on -count=1 -timeout 8m ./e2e

unit: setup
	@race=-race; echo 'int main(void) { return 0; }' | $$(go env CC) -x c -o /dev/null - 2>/dev/null || { race=; echo 'no C compiler here: the tests run without -race'; }; \
	set -e; \
	$(call watched,unit) go test -json $$race -shuffle=on ./...; \
	$(call watched,local) go -C local test -json $$race -shuffle=on $$(go -C local list ./... | grep -v /e2e)

# Shows what `go test` would, keeps all that the tests print in .local/test, and
# searches that (and the functions' logs) for every token that was issued.
watched = $(LOCAL) watch --record .local/test/$(1).log

# Every order of effects that two refreshers can have, with one disturbance and
# with two; more of both at random, from a seed that it prints.
explore:
	go test -count=1 -v -timeout 60m -run '^TestExplore_' ./functions/refresher -args -explore -wander 30s $(ARGS)

# Counts and ratios are the same everywhere; times are this machine's.
bench: stage
	@$(PLAIN) go -C local build -o ../.local/bin/contender ./bench/contender
	@$(LOCAL) bench $(ARGS)

# Found by themselves in both modules; half a minute each, unless told.
fuzz: $(LOCAL)
	@$(LOCAL) fuzz --each '$(or $(FUZZTIME),30s)' --only '$(FUZZ)' $(ARGS)

fmt:
	gofmt -l -w .

clean:
	rm -rf .venv .local .aws-sam

# ------------------------------------------------------------------ set-up

# Says what is missing, instead of failing in the middle of something else.
tools:
	@command -v git >/dev/null 2>&1 || { echo 'make: git is needed' >&2; exit 1; }
	@command -v go >/dev/null 2>&1 || { echo 'make: Go 1.26 or newer is needed: https://go.dev/dl/' >&2; exit 1; }
	@command -v python3 >/dev/null 2>&1 || { echo 'make: Python 3.10 or newer is needed' >&2; exit 1; }
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "make: Python 3.10 or newer is needed, this is $$(python3 --version)" >&2; exit 1; }
	@python3 -c 'import venv, ensurepip' 2>/dev/null || { echo 'make: Python lacks venv (on Debian and Ubuntu: apt-get install python3-venv)' >&2; exit 1; }

# Made anew when the pins change. The stamp comes last, so that an install that
# broke off is never taken for a finished one.
.venv/.installed: requirements.txt | tools
	@echo 'installing MiniStack and the SAM CLI into .venv (once, about a minute)'
	@rm -rf .venv && python3 -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

# Go keeps its own account of what is up to date.
compile: | tools
	@test -d .local/bin || echo 'compiling (the first time takes a minute or two)'
	@mkdir -p .local/bin
	@$(PLAIN) go build ./...
	@$(PLAIN) go -C local build -o ../$(LOCAL) .

$(LOCAL): compile

# The install and the compiler work side by side, whatever -j says.
setup:
	@$(MAKE) --no-print-directory -j 2 .venv/.installed compile

# The same template and the same build targets as for AWS, for this machine's
# system. In a place of its own, so that no local build is ever sent to AWS.
stage: setup
	@TARGET=host $(SAM) build --build-dir .local/build >.local/build.log 2>&1 || { cat .local/build.log >&2; exit 1; }

# -------------------------------------------------------------- bootstraps

# `sam build` calls these (BuildMethod: makefile), with ARTIFACTS_DIR set.
# TARGET=lambda builds for AWS and the template's Architecture, named by ARCH;
# TARGET=host builds what MiniStack starts as a plain process.
TARGET ?= lambda
ARCH   ?= arm64
ifeq ($(TARGET),lambda)
SYSTEM := GOOS=linux GOARCH=$(if $(filter x86_64,$(ARCH)),amd64,$(ARCH))
endif

# lambda.norpc leaves out the retired go1.x runtime's RPC, nearly 3 MB. Without
# version stamps and symbols a function that did not change stays byte for byte
# the same, and `sam deploy` does not send it again.
#
# Everything but the race detector's tests is built this one way: each other way
# would compile the AWS SDK and the sandbox's OAuth library once more.
PLAIN := CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false -tags=lambda.norpc'

define bootstrap
@$(PLAIN) $(SYSTEM) go build -ldflags '-s -w' -o '$(ARTIFACTS_DIR)/bootstrap' ./functions/$(1)
endef

.PHONY: build-RefresherFunction build-PusherFunction build-WebhookFunction build-AlerterFunction
build-RefresherFunction:
	$(call bootstrap,refresher)
build-PusherFunction:
	$(call bootstrap,pusher)
build-WebhookFunction:
	$(call bootstrap,webhook)
build-AlerterFunction:
	$(call bootstrap,alerter)
