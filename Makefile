# The commands of this repository. Each makes what it needs (.venv); none needs root.
PYTHON ?= python3
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
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=/path/to/python3")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,lint]'
	@touch $@

clean:             ## removes what the other targets made
	rm -rf $(VENV) bench/.venv bench/results.json .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
