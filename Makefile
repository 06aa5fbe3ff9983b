# The few commands that matter; everything else is CMake (HACKING.md). All are safe to repeat.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
# scripts/run reads AUDIO and DATA from the environment. Passing their text through a recipe would
# break on quotes, spaces and dollar signs in file names, so they go there unexpanded.
unexport AUDIO DATA
export BALEEN_RUN_AUDIO := $(value AUDIO)
export BALEEN_RUN_DATA := $(value DATA)

BUILD := build
JOBS ?= $(shell scripts/jobs)
CMAKE_FLAGS ?=
TORTURE_SECONDS ?= 3600
LAUNCHER = $(shell command -v ccache >/dev/null && echo -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)

.PHONY: help
help:
	@echo 'make run                      install what is missing, build, and process a sample recording'
	@echo 'make run AUDIO=FILE-OR-FOLDER the same for your own audio (DATA=DIR: where results go; default data/)'
	@echo 'make up                       install, build, and start the service: API and worker'
	@echo 'make test                     build and run every test'
	@echo 'make test-only T=PATTERN      only tests whose name matches; builds only what they need'
	@echo 'make test-quiet               one line for each room, and what failed (also with T=PATTERN)'
	@echo 'make watch                    run the tests of each room whose files change, until Ctrl-C (also with T=PATTERN)'
	@echo 'make build                    only build build/baleen'
	@echo 'make lint, make format        check, or mend, the layout of the code; static analysis'
	@echo 'make bench                    measure speed, side by side with other tools that are installed'
	@echo 'make torture                  faults of every kind (TORTURE_SECONDS, 3600): deaths, failing system calls, power cuts, …'
	@echo 'make fuzz-api                 ask the running service for everything that its document allows and forbids'
	@echo 'make fuzz                     let every fuzz target run for FUZZ_SECONDS (60) with damaged input'
	@echo 'make sanitize                 run every test under the address, undefined-behaviour and thread sanitizers'
	@echo 'make coverage                 which lines and branches of core, store and engine the tests reach (clang)'
	@echo 'make mutants                  make mistakes on purpose, one at a time: does a test notice?'
	@echo 'make docs                     generate docs/errors.md anew'
	@echo 'make clean                    remove build/ (keeps data/ and what was downloaded to .deps/)'

.PHONY: setup setup-lint setup-bench
setup:
	@scripts/setup build test
setup-lint:
	@scripts/setup build test lint
setup-bench:
	@scripts/setup build test bench

# Configured once; afterwards ninja itself notices when a CMakeLists.txt changes.
$(BUILD)/build.ninja: | setup
	@cmake --preset release $(LAUNCHER) $(CMAKE_FLAGS)

.PHONY: build
build: setup $(BUILD)/build.ninja
	@cmake --build $(BUILD) --target baleen -j $(JOBS)

.PHONY: build-all
build-all: setup $(BUILD)/build.ninja
	@cmake --build $(BUILD) -j $(JOBS)

$(BUILD)/sample/sample.wav: scripts/make_sample.py | setup
	@python3 scripts/make_sample.py $@

.PHONY: up
up: build
	@exec $(BUILD)/baleen up

.PHONY: run
run: build $(BUILD)/sample/sample.wav
	@scripts/run

.PHONY: test
test: build-all
	@ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

.PHONY: test-only test-quiet watch
test-only: setup $(BUILD)/build.ninja
	@scripts/test.py --build $(BUILD) -j $(JOBS) -k '$(T)'
test-quiet: setup $(BUILD)/build.ninja
	@scripts/test.py --build $(BUILD) -j $(JOBS) -q -k '$(T)'
watch: setup $(BUILD)/build.ninja
	@scripts/test.py --build $(BUILD) -j $(JOBS) --watch -k '$(T)'

.PHONY: torture
torture: build-all
	@BALEEN_PROGRAM=$(CURDIR)/$(BUILD)/baleen BALEEN_BUILD=$(CURDIR)/$(BUILD) tests/torture/all --seconds $(TORTURE_SECONDS) $(TORTURE_FLAGS)

.PHONY: fuzz-api
fuzz-api: build
	@BALEEN_PROGRAM=$(CURDIR)/$(BUILD)/baleen tests/fuzz/api $(FUZZ_FLAGS)

.PHONY: fuzz
FUZZ_SECONDS ?= 60
fuzz:
	@scripts/setup build fuzz
	@cmake --preset fuzz $(LAUNCHER) >/dev/null
	@cmake --build build-fuzz --target fuzzers -j $(JOBS)
	@tests/fuzz/run --seconds $(FUZZ_SECONDS) $(FUZZ_FLAGS)

.PHONY: sanitize
sanitize: setup
	@scripts/sanitize $(SANITIZE_FLAGS)

.PHONY: coverage
coverage: setup
	@scripts/coverage

.PHONY: mutants
mutants: setup
	@tests/resilience/mutants.py

.PHONY: bench
bench: setup-bench $(BUILD)/build.ninja
	@bench/all

.PHONY: lint
lint: setup-lint $(BUILD)/build.ninja
	@scripts/lint

.PHONY: format
format: setup-lint
	@scripts/format

.PHONY: docs
docs: setup
	@python3 scripts/generate_errors.py docs docs/errors.md

.PHONY: clean
clean:
	@rm -rf $(BUILD)
