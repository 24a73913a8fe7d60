# Thin front for Meson, the scripts and the guests; `make help` lists the commands.
BUILD ?= build
FILTER ?=
FUZZ_SECONDS ?= 300
JUMPS ?= 100
export FILTER FUZZ_SECONDS JUMPS
PYTHON := $(firstword $(wildcard /usr/bin/python3) python3)

# What the bench needs, then the bench itself.
BENCH = scripts/install-deps all && $(MAKE) --no-print-directory all && scripts/guest-image >/dev/null && \
	$(PYTHON) bench/bench.py $(BUILD)

.PHONY: all help check check-unit check-guest check-long demo demo-host bench bench-silence bench-store bench-scale bench-vm field fuzz deb install clean
.DEFAULT_GOAL := all

all: ## build the program (in build/)
	@scripts/install-deps build
	@test -e $(BUILD)/build.ninja || meson setup $(BUILD)
	@ninja -C $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

check: ## install what is missing, build, and run every test, in guests too; FILTER=name runs what matches
	@scripts/install-deps all
	@$(PYTHON) scripts/run-checks all

check-unit: ## the part of check that needs no guest
	@scripts/install-deps build
	@$(PYTHON) scripts/run-checks unit

check-guest: ## the part of check that runs in guests
	@scripts/install-deps all
	@$(PYTHON) scripts/run-checks guest

check-long: ## for releases: tests that the gate has no time for, JUMPS=100 in a row, every kernel, FUZZ_SECONDS=300 each
	@scripts/install-deps all
	@$(PYTHON) scripts/run-checks long

demo: ## a service and its client's connection cross from Debian's 6.12 kernel to 7.2
	@scripts/install-deps all
	@$(MAKE) --no-print-directory all
	@scripts/guest-image >/dev/null
	@$(PYTHON) bench/demo.py $(BUILD)

demo-host: ## a host goes from Debian's 6.12 kernel to 7.2 under two virtual machines
	@scripts/install-deps all
	@$(MAKE) --no-print-directory all
	@scripts/guest-image --flavour host >/dev/null
	@$(PYTHON) bench/demo_host.py $(BUILD)

bench: ## every ratio of README.md, in one table and in out/bench.json; BENCH_ARGS="--rounds 3" or "--icount"
	@$(BENCH) $(BENCH_ARGS)

bench-silence: ## the part of bench about loading, jumping and silence; BENCH_ARGS="--rounds 3"
	@$(BENCH) --part=silence $(BENCH_ARGS)

bench-store: ## the part of bench about the store and pre-copy; BENCH_ARGS="--rounds 3"
	@$(BENCH) --part=store $(BENCH_ARGS)

field: ## most of Debian's services in one guest, rehearsed, kept and taken over jumps; FIELD_ARGS="--way 7.2"
	@scripts/install-deps all
	@$(MAKE) --no-print-directory all
	@scripts/guest-image --flavour field >/dev/null
	@$(PYTHON) bench/field.py $(BUILD) $(FIELD_ARGS)

bench-scale: ## 1, 5, 20 and 40 kept services at once, and a large one, in out/scale.json; SCALE_ARGS="--counts 1,20"
	@scripts/install-deps all
	@$(MAKE) --no-print-directory all
	@scripts/guest-image >/dev/null
	@$(PYTHON) bench/scale.py $(BUILD) $(SCALE_ARGS)

bench-vm: ## how long guests of QEMU stand still, in place, through the store and without warmboot, in out/vm.json
	@scripts/install-deps all
	@$(MAKE) --no-print-directory all
	@scripts/guest-image --flavour host >/dev/null
	@$(PYTHON) bench/vm.py $(BUILD) $(VM_ARGS)

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
