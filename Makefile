# The commands of this repository. Each makes what it needs (.venv); none needs root.
# The system's Python first, where it can make environments: distributions build theirs with profile-guided
# optimisation, which a version manager seldom does, and a request then costs about a tenth less.
PYTHON ?= $(shell for python in /usr/bin/python3 python3; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: run test lint bench clean
.DEFAULT_GOAL := run

run: $(READY)      ## the demo: authorization server, legacy service and gateway
	@$(BIN)/gateway demo

test: $(READY)     ## the whole suite
	@$(BIN)/python -m pytest

lint: $(READY)     ## ruff, mypy strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(READY)    ## the gateway beside Envoy, nginx, HAProxy and plain aiohttp
	@$(BIN)/python -m bench

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,lint]'
	@touch $@

clean:             ## removes what the other targets made
	rm -rf $(VENV) bench/.venv bench/results.json .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
