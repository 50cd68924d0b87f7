# Every target stages the distribution's V8 first (.v8/provision.sh; under a second when it is there).
# `make` alone lists the targets.

CARGO ?= cargo
ORRERY := target/release/orrery

.DEFAULT_GOAL := help
.PHONY: help build run demo test pictures bench lint fmt v8

help: ## list the targets
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

build: v8 ## build target/release/orrery
	$(CARGO) build --release --locked --bin orrery

run: build ## start the engine with the development settings (data in ./data, http://127.0.0.1:8080)
	$(ORRERY) serve --settings settings/development.toml

demo: build ## start the engine with a sample shop in a fresh directory; RUNS=5 ends after five runs
	$(ORRERY) demo $(if $(RUNS),--runs $(RUNS))

test: v8 ## run all tests, on SQLite and (where its server is installed) on PostgreSQL
	$(CARGO) test --workspace --locked

pictures: v8 ## walk through the console in Chromium, and take the README's pictures again
	ORRERY_PICTURES=$(CURDIR)/.github/pictures $(CARGO) test --locked --test it console::

bench: v8 ## measure; one table, also kept in benches/RESULTS.md by hand
	$(CARGO) bench --locked --bench scenarios

lint: v8 ## format check and clippy, warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) lint

fmt: ## format the code
	$(CARGO) fmt --all

v8: ## stage the distribution's V8 in target/v8
	@.v8/provision.sh
