# Every target installs what it needs, reports what it does, and is quick if nothing has changed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PY := .venv/bin/python
# The tests start hundreds of processes: each would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help venv accelerator rust run bench up down test test-all unit e2e sim bench-cluster bench-operator lint types \
  layers screens

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/.ready: pyproject.toml requirements-dev.lock
	@echo "== Python packages into .venv (about 60 s when the cache is empty)"
	@hack/prepare python
	@python3 -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

CONSOLE := hack/console-assets operator/console/package.json operator/console/package-lock.json

.venv/.console: .venv/.ready $(CONSOLE)
	@hack/console-assets --if-able
	@touch $@

venv: .venv/.ready .venv/.console ## The project's Python environment, and the libraries of the console's pages

ACCELERATOR := $(shell find services/accelerator -type f -not -path '*/target/*' -not -path '*/__pycache__/*')

.venv/.accelerator: .venv/.ready hack/accelerator $(ACCELERATOR)
	@hack/accelerator $(ABLE)

accelerator: .venv/.accelerator ## The optional compiled part of the services, into .venv; requires Rust
	@:

rust: ## The accelerator's own tests, in Rust, without Python
	@hack/accelerator --test $(ABLE)

run: venv ## Run examples/shop.yaml on this machine without a cluster, live view; ARGS=--demo replays real purchases
	@$(MAKE) --no-print-directory accelerator ABLE=--if-able
	@.venv/bin/orderpipeline run $(ARGS)

bench: venv ## The services beside their peers, 20 min, report in docs/benchmarks; BENCH=quick: 6 min; ends with a line of JSON
	@hack/prepare
	@$(MAKE) --no-print-directory accelerator ABLE=--if-able
	@$(PY) -m bench $(ARGS)

up: venv ## A real cluster on this machine with examples/shop.yaml Ready; prints the URLs
	@hack/up

down: ## Take the cluster down; nothing is left behind
	@hack/cluster down

screens: venv ## The pictures of the console in docs/console, from a real pipeline, about 4 min
	@hack/prepare
	@$(MAKE) --no-print-directory accelerator ABLE=--if-able
	@$(PY) -m tests.integration.console.screens

lint: venv ## Style
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

types: venv ## Types, strict
	@.venv/bin/mypy

layers: venv ## The import rules
	@.venv/bin/lint-imports

unit: venv ## The quick tests, without broker or cluster
	@$(PY) -m pytest tests/unit -q -n 2

test: SELECTED = -m "not full"
test test-all: venv
	@$(MAKE) --no-print-directory lint types layers
	@hack/prepare
	@$(MAKE) --no-print-directory accelerator rust ABLE=--if-able
	@echo "== what the tests run on, from Go modules (nothing if it is built)"
	@$(PY) -m hack.native.build
	@echo "== all tests, three at a time since many of them wait, about $(MINUTES) min (the first run also builds the images, about 5 min)"
	@$(PY) -m pytest -n 3 --dist load --no-loadscope-reorder $(SELECTED)

test: MINUTES = 30
test: ## All tests that a change needs; ends with pytest's summary
test-all: MINUTES = 35
test-all: ## The same with every combination of engine and protocol

e2e: venv ## Real purchases through the whole cluster; ends with a line of JSON, also in bench/results/
	@hack/up
	@echo "== 69,659 purchases at 500 a second, preceded by a change of sink and followed by idling (about 6 min)"
	@$(PY) -m tests.e2e.orders

sim: venv ## Compare scaling policies on traces, 30 seeds; tables in docs/autoscaling; ends with a line of JSON
	@echo "== 9 policies on 6 traces, 30 seeds (about 8 min)"
	@$(PY) -m bench.sim

bench-cluster: venv ## What make up deploys, beside the same in Go, 25 min; BENCH=quick: 3 min; ends with a line of JSON
	@hack/up
	@echo "== both in turns, through the Ingress and straight to the Service"
	@$(PY) -m bench.cluster $(ARGS)

bench-operator: venv ## 1,000 pipelines on a real API server, and an earlier operator with as many, about 25 min; quick: CRS=100 IDLE=30; ends with a line of JSON
	@hack/prepare
	@$(PY) -m bench.operator --crs $(or $(CRS),1000) --idle $(or $(IDLE),600) $(if $(CRS)$(IDLE),,--page)
