# The commands of this repository. Each makes what it needs (.venv); none needs root.
# The system's Python first, where it can make environments: distributions build theirs with profile-guided
# optimisation, which a version manager seldom does, and a request then costs about a tenth less.
PYTHON ?= $(shell for python in /usr/bin/python3 python3; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

NEEDS_PYTHON = test -n "$(PYTHON)" || \
	{ echo "Python 3.11 or newer with venv is needed: make PYTHON=/path/to/python3" >&2; exit 1; }
# What uv itself is: the one tool that is not in the lock, since it writes the lock.
UV     := uv>=0.9,<1
COMPILE = $(VENV)/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command 'make lock' $(UPGRADE)

BUILD_TOOL = sed -n 's/^requires = \["\(.*\)"\].*/\1/p' pyproject.toml

# How requests are served (tests/ways.py), and how many processes run tests at the same time; 0: this one alone.
WAY     := fast
WORKERS := 0
PYTEST_OPTIONS = -n $(WORKERS) --dist loadfile --way $(WAY)

COMPILED := $(VENV)/compiled
PACKAGES = import sysconfig; print(sysconfig.get_path("purelib"))

AUTOBAHN := $(VENV)/autobahn
PYTHON2  ?= $(shell for python in python2.7 "$$HOME"/.pyenv/versions/2.7.*/bin/python \
		"$$(dirname "$$(command -v python2.7)")"/../versions/2.7.*/bin/python; do \
	$$python -m pip --version >/dev/null 2>&1 && echo $$python && break; done)

.PHONY: run test test-compiled autobahn lint bench lock clean
.DEFAULT_GOAL := run

run: $(READY)      ## the demo: authorization server, legacy service and gateway
	@$(BIN)/gateway demo

test: $(READY)     ## the whole suite; make test TESTS=tests/wire WAY=slow for a part of it
	@$(BIN)/python -m pytest $(PYTEST_OPTIONS) $(TESTS)

# In an environment that has the packages of $(VENV) but for the gateway, which is there as a compiled wheel. What
# keeps the sources in this folder from being imported is -P and the import mode; --compiled makes sure of it.
test-compiled: $(READY) ## the same with compiled modules; needs a C compiler; TESTS=tests/wire for a part of it
	@rm -rf $(COMPILED)
	@GATEWAY_COMPILE=yes $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --wheel-dir $(COMPILED)/wheel .
	@$(BIN)/python -m venv --without-pip $(COMPILED)
	@$(BIN)/python -c '$(PACKAGES)' >"$$($(COMPILED)/bin/python -c '$(PACKAGES)')/tested.pth"
	@$(BIN)/python -m pip --python $(COMPILED)/bin/python install --quiet --disable-pip-version-check --no-deps \
		$(COMPILED)/wheel/*.whl
	@$(COMPILED)/bin/python -P -m pytest --import-mode=append --compiled $(PYTEST_OPTIONS) $(TESTS)

autobahn: $(AUTOBAHN)/.ready ## the WebSocket conformance suite, for tests/real; it runs on Python 2.7 only

$(AUTOBAHN)/.ready: .ci/autobahn-requirements.txt
	@test -n "$(PYTHON2)" || \
		{ echo "Python 2.7 with pip is needed: make autobahn PYTHON2=/path/to/python2.7" >&2; exit 1; }
	@PYTHONUSERBASE=$(abspath $(AUTOBAHN)) $(PYTHON2) -m pip install --quiet --disable-pip-version-check --user \
		--no-warn-script-location --no-deps --require-hashes -r $<
	@touch $@

lint: $(READY)     ## ruff, mypy strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(READY)    ## the gateway beside Envoy, nginx, HAProxy and plain aiohttp
	@$(BIN)/python -m bench

# Everything by its hash, the build tool too, so that nothing is fetched which is not locked.
$(READY): pyproject.toml .ci/requirements.txt
	@$(NEEDS_PYTHON)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .ci/requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

lock:              ## writes the hash-locked requirements anew; make lock UPGRADE=--upgrade takes newer releases
	@$(NEEDS_PYTHON)
	@test -x $(VENV)/lock/bin/uv || { $(PYTHON) -m venv $(VENV)/lock && \
		$(VENV)/lock/bin/python -m pip install --quiet --disable-pip-version-check '$(UV)'; }
	@$(COMPILE) pyproject.toml -o deploy/requirements.txt
	@$(BUILD_TOOL) | \
		$(COMPILE) pyproject.toml --all-extras --group compile - -c deploy/requirements.txt -o .ci/requirements.txt
	@$(BUILD_TOOL) | $(COMPILE) --group compile - -c .ci/requirements.txt -o deploy/build-requirements.txt

clean:             ## removes what the other targets made
	rm -rf $(VENV) build dist bench/.venv bench/.compiled bench/results.json .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
