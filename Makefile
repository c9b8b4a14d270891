# Works with Python 3.11+ and make alone; everything else is set up in .venv.
SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
# Relative, so that a path with a space in it does no harm.
VENV := .venv
PY := $(VENV)/bin/python
# A proxy that inspects TLS is known to the system alone, whose certificates uv asks for only when
# told to. Where it finds none there, as in a small container, it is left with its own.
FINDS_CERTS = $(PY) -m uv --system-certs --offline pip compile --quiet - </dev/null >/dev/null 2>&1
CERTS = UV_SYSTEM_CERTS=$${UV_SYSTEM_CERTS:-$$($(FINDS_CERTS) && echo true || echo false)}
UV = $(CERTS) $(PY) -m uv
export PYTHONDONTWRITEBYTECODE ?=
# The tests are divided among processes; ARGS="-n 0" runs them in one.
PYTEST = pytest -n auto --dist worksteal

-include mk/*.mk

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-zA-Z0-9_-]+:.*## / {told[$$1] = $$2; if (length($$1) > wide) wide = length($$1)} \
	  END {for (name in told) printf "  %-" wide "s  %s\n", name, told[name]}' $(MAKEFILE_LIST) | sort

$(VENV)/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(PY) -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/uv.txt
	@touch $@

# make run needs less than make test: each has its own list, in one environment.
$(VENV)/run: requirements/run.txt $(VENV)/uv
	@$(UV) pip install --quiet --python $(PY) --require-hashes -r requirements/run.txt
	@touch $@

$(VENV)/dev: requirements/dev.txt $(VENV)/uv
	@$(UV) pip install --quiet --python $(PY) --require-hashes -r requirements/dev.txt
	@touch $@ $(VENV)/run

.PHONY: run
run: $(VENV)/run ## run the whole system: vote on :8080, result on :8081 (ARGS="--fresh", see --help)
	@exec $(PY) -m standalone $(ARGS)

.PHONY: seed
seed: $(VENV)/run ## cast 3,000 votes at the running system and verify them (ARGS="--votes 100")
	@exec $(PY) -m seed --url http://localhost:8080 --verify http://localhost:8081 $(ARGS)

.PHONY: test
test: $(VENV)/dev browser ## run the tests: unit, integration, process, browser, deploy (ARGS="-k name")
	@$(PY) -m $(PYTEST) --ignore tests/e2e $(ARGS)

.PHONY: check
check: lint coverage ## format, lint, types, and the coverage of the unit and integration tests

.PHONY: coverage
coverage: $(VENV)/dev ## the coverage of the unit and integration tests
	@$(PY) -m coverage erase
	@$(PY) -m coverage run -m $(PYTEST) tests/unit tests/integration -q $(ARGS)
	@$(PY) -m coverage combine -q
	@$(PY) -m coverage report

.PHONY: lint
lint: $(VENV)/dev ## format, lint and types only
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy

.PHONY: requirements
requirements: $(VENV)/uv ## lock the dependencies anew into requirements/
	@$(CERTS) sh requirements/compile.sh $(PY)

.PHONY: clean
clean: ## remove all that the other targets made, the votes of make run too
	@if [ -x $(PY) ]; then $(PY) -m standalone.remove; fi
	@rm -rf $(VENV) .standalone build .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
