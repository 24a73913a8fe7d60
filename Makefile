# Thin front for Meson, the scripts and the guests; `make help` lists the commands.
BUILD ?= build
FUZZ_SECONDS ?= 300
PYTHON := $(firstword $(wildcard /usr/bin/python3) python3)

.PHONY: all help check check-unit check-guest demo bench bench-silence bench-store fuzz deb install clean
.DEFAULT_GOAL := all

all: ## build the program (in build/)
	@scripts/install-deps build
	@test -e $(BUILD)/build.ninja || meson setup $(BUILD)
	@ninja -C $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

check: ## install what is missing, build, and run every test, in guests too
	@scripts/install-deps all
	@$(PYTHON) scripts/run-checks all

check-unit: ## the part of check that needs no guest
	@scripts/install-deps build
	@$(PYTHON) scripts/run-checks unit

check-guest: ## the part of check that runs in guests
	@scripts/install-deps all
	@$(PYTHON) scripts/run-checks guest

demo: ## a service and its client's connection cross from Debian's 6.12 kernel to 7.2
	@scripts/install-deps all
	@$(MAKE) --no-print-directory all
	@scripts/guest-image >/dev/null
	@$(PYTHON) bench/demo.py $(BUILD)

bench-silence: ## what clients see over a jump, by each way; BENCH_ARGS="--rounds 3"
	@scripts/install-deps all
	@$(MAKE) --no-print-directory all
	@scripts/guest-image >/dev/null
	@$(PYTHON) bench/silence.py $(BUILD) $(BENCH_ARGS)

bench-store: ## what the store costs, and how long a large service stands still; BENCH_ARGS="--rounds 3"
	@scripts/install-deps all
	@$(MAKE) --no-print-directory all
	@scripts/guest-image >/dev/null
	@$(PYTHON) bench/store.py $(BUILD) $(BENCH_ARGS)

bench: ## compare loaders in one guest, then bench-silence and bench-store; BENCH_ARGS="--rounds 5 --icount"
	@scripts/install-deps all
	@$(MAKE) --no-print-directory all
	@scripts/guest-image >/dev/null
	@$(PYTHON) bench/bench.py $(BUILD) $(BENCH_ARGS)
	@$(PYTHON) bench/silence.py $(BUILD) $(BENCH_ARGS)
	@$(PYTHON) bench/store.py $(BUILD) $(BENCH_ARGS)

fuzz: ## run every fuzz target for FUZZ_SECONDS under clang
	@scripts/install-deps build
	@scripts/fuzz $(FUZZ_SECONDS)

deb: ## Debian packages of this tree, in out/
	@scripts/make-deb

install: ## install under DESTDIR (root's file system without it)
	@test -e $(BUILD)/build.ninja || { echo "run make first" >&2; exit 1; }
	@DESTDIR="$(DESTDIR)" meson install -C $(BUILD) --no-rebuild

clean: ## forget every build (not the guest images)
	rm -rf build build-asan build-clang build-fuzz out
