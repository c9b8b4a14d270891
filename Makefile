# Works with Python 3.11+ and make alone; everything else is set up in .venv.
SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
# Relative, so that a path with a space in it does no harm.
VENV := .venv
PY := $(VENV)/bin/python
# Use the system's certificates where uv finds some: a proxy that inspects TLS is known there only.
FINDS_CERTS = $(PY) -m uv --system-certs --offline pip compile --quiet - </dev/null >/dev/null 2>&1
CERTS = UV_SYSTEM_CERTS=$${UV_SYSTEM_CERTS:-$$($(FINDS_CERTS) && echo true || echo false)}
UV = $(CERTS) $(PY) -m uv
export PYTHONDONTWRITEBYTECODE ?=
# tests/conftest.py takes two processes per core, because tests wait more than they compute.
PYTEST = pytest -n auto --dist loadgroup

-include mk/*.mk

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-zA-Z0-9_-]+:.*## / {help[$$1] = $$2; if (length($$1) > width) width = length($$1)} \
	  END {for (name in help) printf "  %-" width "s  %s\n", name, help[name]}' $(MAKEFILE_LIST) | sort

$(VENV)/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Setting up $(VENV). The first time, this takes a minute or two." >&2
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "This Python cannot create virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(PY) -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/uv.txt
	@touch $@

# make run needs less than make test: each has its own list, in one environment.
$(VENV)/run: requirements/run.txt $(VENV)/uv
	@$(UV) pip install --quiet --python $(PY) --require-hashes -r requirements/run.txt
	@touch $@

$(VENV)/dev: requirements/dev.txt $(VENV)/uv
	@$(UV) pip install --quiet --compile-bytecode --python $(PY) --require-hashes -r requirements/dev.txt
	@touch $@ $(VENV)/run

.PHONY: run
run: $(VENV)/run ## run the whole system: vote on :8080, result on :8081 (ARGS="--help")
	@exec $(PY) -m standalone $(ARGS)

.PHONY: seed
seed: $(VENV)/run ## cast 3,000 votes at the running system and verify them (ARGS="--votes 100")
	@exec $(PY) -m seed --url http://localhost:8080 --verify http://localhost:8081 $(ARGS)

.PHONY: test
test: $(VENV)/dev browser ## test every behavior once, in about 3 minutes (ARGS="-k name")
	@$(PY) -m $(PYTEST) --ignore tests/e2e -m "not extended" $(ARGS)

.PHONY: test-all
test-all: $(VENV)/dev browser ## the same, and the matrices of screens, options and versions
	@$(PY) -m $(PYTEST) --ignore tests/e2e $(ARGS)

.PHONY: check
check: lint test ## what a change needs before it is committed

.PHONY: lint
lint: $(VENV)/dev lint-workflows ## check format, style, types, links, workflows and licenses
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(PY) -m pymarkdown --strict-config scan $$(git ls-files '*.md')
	@$(PY) mk/check_links.py $$(git ls-files '*.md')
	@$(VENV)/bin/pip-licenses --python $(PY) >/dev/null

.PHONY: requirements
requirements: $(VENV)/uv ## lock the newest dependencies in requirements/
	@$(CERTS) sh requirements/compile.sh $(PY)

.PHONY: clean
clean: ## delete all votes of `make run`, and everything else that the targets made
	@if [ -e .standalone ]; then $(firstword $(wildcard $(PY)) $(PYTHON)) -m standalone.remove; fi
	@rm -rf $(VENV) .standalone build .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
