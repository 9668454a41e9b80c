# Every verb sets up what it needs, so that each works on a fresh clone.
.DEFAULT_GOAL := help
.PHONY: help setup demo dev test test-engines check faults bench bench-calibration lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export GX_ANALYTICS_ENABLED := false
export SQLMESH__DISABLE_ANONYMIZED_ANALYTICS := true

help: ## List the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

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

test-engines: .venv-engines/.installed ## Run the models on Postgres and Spark (needs Debian's postgresql and Java 17)
	@PQL_TEST_ENGINES=required .venv-engines/bin/python -m pytest -m engines tests/engines $(ARGS)

faults: setup ## Break the hand-off in every planned way and count; writes docs/faults.md
	@$(BIN)/python -m faults $(ARGS)

bench: .venv-bench/.installed ## Measure speed against other ways; writes docs/benchmarks.md
	@.venv-bench/bin/python -m benchmarks $(ARGS)

bench-calibration: setup ## Plant the truth in 200 products and see whether calibration finds it
	@$(BIN)/python -m benchmarks.calibration $(ARGS)

# The heavy extras have an environment each, so that the ordinary one stays small.
.venv-%/.installed: requirements-%.lock pyproject.toml
	@test -x .venv-$*/bin/python || $(PYTHON) -m venv .venv-$*
	@command -v uv >/dev/null || test -x .venv-$*/bin/uv || .venv-$*/bin/python -m pip install --quiet --disable-pip-version-check uv
	@PATH="$(CURDIR)/.venv-$*/bin:$$PATH" uv pip install --quiet --python .venv-$*/bin/python --require-hashes --compile-bytecode --requirement requirements-$*.lock
	@PATH="$(CURDIR)/.venv-$*/bin:$$PATH" uv pip install --quiet --python .venv-$*/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

LOCK := uv pip compile pyproject.toml --python-version 3.11 --generate-hashes --quiet
AS_LOCKED := --constraint requirements.lock

lock: ## Compile the requirements files again
	$(LOCK) --universal --extra dev --output-file requirements.lock
	$(LOCK) --universal $(AS_LOCKED) --extra dev --extra postgres --extra spark --output-file requirements-engines.lock
	@# Apart from the others, since dbt shares neither its versions with mypy nor every Python.
	$(LOCK) --extra bench --output-file requirements-bench.lock

clean: ## Remove what was built and what the demo wrote
	rm -rf $(VENV) .venv-engines .venv-bench .pql build *.egg-info
