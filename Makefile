# Trunkline: `make run`, `make test`, `make check`, `make bench`. `make help` lists all.
#
# Each step leaves a stamp, so that a second `make` does only what changed. `make test ARGS="tests/sip -k via"` passes
# arguments to pytest; `make bench ARGS=…` and `make run ARGS=…` to their commands. Tests of the control plane, the API
# and the stories have SQLite files, and some PostgreSQL too: with `make test ARGS="--store postgres"` all have that.
#
# What runs is the package as it is installed, its core compiled (see setup.py), built anew when a source changed.
# Unit tests import the sources in src as they stand, which no build stands between: `.venv/bin/pytest tests/sip`.

SHELL := /bin/sh
.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
# The best interpreter of this machine; set PYTHON to choose another.
ifndef PYTHON
PYTHON = $(eval PYTHON := $$(shell .ci/python))$(PYTHON)
endif
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
SOURCES := $(shell find src -name '*.py')
# As in pyproject.toml, build-system.
TOOLS := setuptools mypy msgspec
# The rooms that run compiled, and those that lean on them.
COMPILED := $(addprefix tests/, sip sdp rtp routing trunk guard call simulation torture engine telemetry transport media store)

.PHONY: help run test compiled check format bench lock clean

help: ## What there is to make
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

$(VENV)/.made:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed (apt-get install python3)" >&2; exit 1; }
	@PYTHON="$(PYTHON)" .ci/packages python
	@echo "[1/2] virtual environment: $(VENV), $$($(PYTHON) --version)"
	@[ -x $(BIN)/python ] && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@touch $@

# What the build needs, at the locked versions.
$(VENV)/.tools: requirements.lock | $(VENV)/.made
	@$(PIP) install --quiet -c requirements.lock $(TOOLS)
	@touch $@

# The edge and the packages it runs on. The one large binary is kept, for when no source of it changes.
$(VENV)/.built: pyproject.toml setup.py requirements.lock $(SOURCES) | $(VENV)/.tools
	@echo "[2/2] the edge and the packages it runs on (the first time takes a minute)"
	@mkdir -p build && rm -rf build/bdist* build/log
	@find build -path 'build/lib*' -type f ! -name 'trunkline__mypyc*' -delete
	@$(PIP) install --quiet --log build/log --no-build-isolation -c requirements.lock .
	@sed -n 's/^.*\(trunkline: pure Python\)/      \1/p' build/log
	@touch $@

# What its tests need beside that.
$(VENV)/.tests: requirements.lock | $(VENV)/.made
	@echo "packages the tests need"
	@$(PIP) install --quiet -r requirements.lock
	@touch $@

run: $(VENV)/.built ## Build what is needed and start the edge with a working demo
	@exec $(BIN)/trunkline serve --demo $(ARGS)

test: $(VENV)/.tests $(VENV)/.built ## Set up and run every test
	@.ci/packages tests
	$(BIN)/python -m pytest $(ARGS)

compiled: $(VENV)/.tests $(VENV)/.built ## Run the tests of the core on the compiled package
	@$(BIN)/python -c "from trunkline import build; raise SystemExit(not build.compiled() and 'it is not compiled')"
	$(BIN)/python -m pytest -o pythonpath=. -m "not pure" $(COMPILED) $(ARGS)

check: $(VENV)/.tests ## Style, types and the floors of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src tests loadtest
	PYTHONPATH=src $(BIN)/lint-imports

format: $(VENV)/.tests ## Let ruff put style in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.tests $(VENV)/.built ## Measure the edge beside other proxies under one load
	@.ci/packages tests
	$(BIN)/python -m loadtest $(ARGS)

# From PyPI alone, whatever indexes this machine knows, so that the versions are there for everybody.
lock: ## Pin the newest versions of everything the edge and its tests need
	@rm -rf build/lock && mkdir -p build
	@$(PYTHON) -m venv build/lock
	@TRUNKLINE_PURE=1 build/lock/bin/python -m pip --disable-pip-version-check install ".[test,postgres]"
	@{ echo "# Made by \`make lock\`: what the edge and its tests run on. Do not edit."; \
		build/lock/bin/python -m pip --disable-pip-version-check freeze --all --exclude pip --exclude wheel \
			--exclude trunkline; } > build/requirements.lock
	@mv build/requirements.lock requirements.lock
	@rm -rf build/lock
	@wc -l requirements.lock

clean: ## Remove what was built (not the data)
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov
	find src tests loadtest -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf $(VENV)
