# Every verb sets up what it needs, so that each works on a fresh clone.
.DEFAULT_GOAL := help
.PHONY: help setup demo dev test check bench lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export GX_ANALYTICS_ENABLED := false
export SQLMESH__DISABLE_ANONYMIZED_ANALYTICS := true

help: ## List the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: $(STAMP) ## Build .venv with .venv/bin/pql from the committed lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 setup"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@command -v uv >/dev/null || test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@PATH="$(CURDIR)/$(BIN):$$PATH" uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode --requirement requirements.lock
	@PATH="$(CURDIR)/$(BIN):$$PATH" uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: setup ## Run the whole line on a simulated product, then serve the Dagster UI
	@$(BIN)/pql demo $(ARGS)

dev: setup ## Serve the Dagster UI and daemon on what PQL_HOME holds
	@$(BIN)/pql dev $(ARGS)

test: setup ## Run every test (no network, no secret)
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

check: setup ## Lint, format, types, SQLMesh lint and tests, definitions load
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pql_platform.warehouse.check
	@$(BIN)/python -W error::DeprecationWarning:pql_platform -m pql_platform.definitions

bench: setup ## Print the figures of the README
	@$(BIN)/python -m benchmarks $(ARGS)

lock: ## Compile requirements.lock again
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --quiet --output-file requirements.lock

clean: ## Remove what was built and what the demo wrote
	rm -rf $(VENV) .pql build *.egg-info
