# Trunkline: `make run`, `make test`, `make check`, `make bench`. `make help` lists all.
#
# Each step leaves a stamp, so that a second `make` does only what changed. `make test ARGS="tests/sip -k via"` passes
# arguments to pytest; `make bench ARGS=…` and `make run ARGS=…` to their commands.

SHELL := /bin/sh
.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
# The first interpreter that is new enough; set PYTHON to choose another.
ifndef PYTHON
PYTHON = $(eval PYTHON := $$(shell $$(FIND_PYTHON)))$(PYTHON)
endif
FIND_PYTHON = for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

.PHONY: help run test check format bench lock clean

help: ## What there is to make
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

$(VENV)/.made:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed (apt-get install python3)" >&2; exit 1; }
	@PYTHON="$(PYTHON)" .ci/packages python
	@echo "[1/2] virtual environment: $(VENV), $$($(PYTHON) --version)"
	@[ -x $(BIN)/python ] && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@touch $@

# What the edge needs to run, at the locked versions.
$(VENV)/.runs: pyproject.toml requirements.lock | $(VENV)/.made
	@echo "[2/2] packages the edge runs on"
	@$(PIP) install -c requirements.lock -e .
	@touch $@

# What its tests need beside that.
$(VENV)/.tests: requirements.lock $(VENV)/.runs
	@echo "packages the tests need"
	@$(PIP) install -r requirements.lock
	@touch $@

run: $(VENV)/.runs ## Build what is needed and start the edge with a working demo
	@exec $(BIN)/trunkline serve --demo $(ARGS)

test: $(VENV)/.tests ## Set up and run every test
	@.ci/packages tests
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.tests ## Style, types and the floors of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src tests loadtest
	$(BIN)/lint-imports

format: $(VENV)/.tests ## Let ruff put style in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.tests ## Measure the edge beside other proxies under one load
	@.ci/packages tests
	$(BIN)/python -m loadtest $(ARGS)

# From PyPI alone, whatever indexes this machine knows, so that the versions are there for everybody.
lock: ## Pin the newest versions of everything the edge and its tests need
	@rm -rf build/lock && mkdir -p build
	@$(PYTHON) -m venv build/lock
	@env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL PIP_CONFIG_FILE=/dev/null PIP_INDEX_URL=https://pypi.org/simple \
		build/lock/bin/python -m pip --disable-pip-version-check install ".[test,postgres]"
	@{ echo "# Made by \`make lock\`: what the edge and its tests run on. Do not edit."; \
		build/lock/bin/python -m pip --disable-pip-version-check freeze --exclude trunkline; } > build/requirements.lock
	@mv build/requirements.lock requirements.lock
	@rm -rf build/lock
	@wc -l requirements.lock

clean: ## Remove what was built (not the data)
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov
	find src tests loadtest -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf $(VENV)
