# Targets explain themselves: make help
.DEFAULT_GOAL := help
.PHONY: help build smoke test test-full format doctor bench clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

build: ## jars in build/lib
	bin/gatun --version

smoke: ## the real model answers (seconds)
	bin/gatun run -p "Once upon a time" -n 16 --temp 0 --stats

test: ## quick tiers
	ci/test

test-full: ## everything: full op suite, mutants, long fuzz runs
	ci/test --full

format: ## format all sources
	ci/format

doctor: ## what is missing on this machine
	bin/gatun doctor

bench: ## tokens per second of the default model
	bin/gatun bench

clean: ## remove what was built
	rm -rf build */target
