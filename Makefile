# Everything a newcomer needs: `make demo` and `make test`, on a machine with Python 3.11 and nothing else.
.DEFAULT_GOAL := help
.PHONY: help demo test check lint simulate mutants bench migration lock clean

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready
JOBS ?= 2

help:  ## What there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Tipo needs Python 3.11 or newer: install it, or say make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "setting up .venv (once, about a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $(READY)

demo: $(READY)  ## Two imitation stores and the service: watch stock stay in step
	@$(BIN)/tipo demo

test: $(READY)  ## All tests
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

lint: $(READY)  ## Linters, types and the contracts between packages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test  ## Exactly what CI runs, in the same order

simulate: $(READY)  ## The long mode of the simulation: HISTORIES=100000 make simulate
	TIPO_HISTORIES=$(or $(HISTORIES),20000) $(BIN)/python -m pytest -n $(JOBS) tests/simulation

mutants: $(READY)  ## Break the rules on purpose: every break must be noticed
	$(BIN)/python -m tests.mutants

bench: $(READY)  ## Figures, as ratios measured in the same run
	$(BIN)/python bench/burst.py
	$(BIN)/python bench/compare.py

migration: $(READY)  ## Draft a migration for what the models have got: make migration NAME=second_place
	@test -n "$(NAME)" || { echo "say what it does: make migration NAME=second_place"; exit 1; }
	@$(BIN)/python -c 'import sys; from sync_core.db.database import Database; from sync_core.db.migrate import draft; \
		draft(Database("sqlite://").engine, sys.argv[1])' "$$(date -u +%Y_%m_%d)_$(NAME)"
	-@$(BIN)/ruff check --quiet --fix alembic
	@$(BIN)/ruff format --quiet alembic

lock: $(READY)  ## Lock the dependencies anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --no-header --generate-hashes --python-version 3.11 \
		pyproject.toml --extra dev -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --no-header --generate-hashes --python-version 3.11 \
		pyproject.toml -o requirements-runtime.lock

clean:  ## Throw away what was built
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
