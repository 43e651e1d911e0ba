# Everything a newcomer needs: `make demo` and `make test`, on a machine with Python 3.11 to 3.14 and nothing else.
.DEFAULT_GOAL := help
.PHONY: help demo playground test check lint docs links simulate fortnight model chaos fuzz mutants bench migration lock audit clean

# The first of these that runs here and is new enough; the packages are locked for 3.11 to 3.14.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
PYTHON ?= $(shell for each in python3.11 python3.12 python3.13 python3.14 python3; do \
	"$$each" -c '$(FITS)' 2>/dev/null && echo "$$each" && break; done)
BIN := .venv/bin
READY := .venv/.ready
# More than there are cores: many tests wait for a store, a database or a process.
JOBS ?= 3

help:  ## This list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12

$(READY): requirements-build.lock requirements.lock pyproject.toml tools/set_up.py
	@"$(PYTHON)" -c '$(FITS)' 2>/dev/null || { echo "Tipo needs Python 3.11, 3.12, 3.13 or 3.14, and $(if \
		$(PYTHON),$(PYTHON) is none of them,none is here)."; \
		echo "Install one, or say where it is: make demo PYTHON=/path/to/python3.11"; exit 1; }
	@"$(PYTHON)" tools/set_up.py

demo: $(READY)  ## Watch Tipo keep two imitation stores in sync; needs no account
	@$(BIN)/tipo demo

playground: $(READY)  ## Play with two imitation stores, Slack and Tipo on one local page
	@$(BIN)/tipo playground

test: $(READY)  ## All tests
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

lint: $(READY)  ## Linters, types and the contracts between packages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test  ## Exactly what CI runs, in the same order

docs: build/docs/.ready  ## The pages as a site, build/site/index.html; a broken link fails
	@NO_MKDOCS_2_WARNING=1 build/docs/bin/mkdocs build --strict

build/docs/.ready: $(READY) requirements-docs.lock
	@$(BIN)/python -m venv --clear --without-pip build/docs
	@$(BIN)/python -m pip --python build/docs/bin/python install --quiet --no-compile --no-deps --require-hashes \
		--requirement requirements-docs.lock
	@touch $@

links:  ## Every link of the pages that leads elsewhere, to try by hand: it asks nobody
	@grep -rhoE '\]\(https://[^)]+' README.md SECURITY.md CHANGELOG.md docs --include='*.md' | cut -c 3- | sort -u

simulate: $(READY)  ## The long mode of the simulation: make simulate HISTORIES=100000 MINUTES=600
	$(BIN)/python -m tests.simulation --jobs $(JOBS) --histories $(or $(HISTORIES),20000) \
		--minutes $(or $(MINUTES),180) $(if $(SEED),--seed $(SEED)) $(if $(AFTER),--after $(AFTER))

fortnight: $(READY)  ## Two weeks of operation in virtual time, with faults: make fortnight DAYS=60
	$(BIN)/python -m tests.simulation.fortnight --days $(or $(DAYS),14) $(if $(SEED),--seed $(SEED))

fuzz: $(READY)  ## What nobody would send, signed, at both entrances: make fuzz MINUTES=30
	$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

model: $(READY)  ## Search small worlds through, and each broken design; writes docs/broken-designs.md
	$(BIN)/python -m tests.model --long

chaos: $(READY)  ## Three processes on one PostgreSQL, every fault, a kill every 3 s: make chaos MINUTES=10
	$(BIN)/python -m tests.chaos --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

mutants: $(READY)  ## Break the rules on purpose: every break must be noticed
	$(BIN)/python -m tests.mutants --jobs $(JOBS)

bench: $(READY)  ## Figures, as ratios measured in the same run
	$(BIN)/python bench/receipt.py
	$(BIN)/python bench/folding.py
	$(BIN)/python bench/change.py
	PYTHONPATH=. $(BIN)/python bench/naive.py 20 300
	$(BIN)/python bench/compare.py
	$(BIN)/python bench/first.py

migration: $(READY)  ## Draft a migration for what the models have got: make migration NAME=second_place
	@test -n "$(NAME)" || { echo "say what it does: make migration NAME=second_place"; exit 1; }
	@$(BIN)/python -c 'import sys; from sync_core.db.database import SqlDatabase; from sync_core.db.migrate import draft; \
		draft(SqlDatabase("sqlite://").engine, sys.argv[1])' "$$(date -u +%Y_%m_%d)_$(NAME)"
	-@$(BIN)/ruff check --quiet --fix alembic
	@$(BIN)/ruff format --quiet alembic

COMPILE := build/lock/bin/uv pip compile --quiet --universal --no-header --generate-hashes --no-strip-extras \
	--python-version 3.11

lock: $(READY)  ## Lock what is new in pyproject.toml: make lock, or UPGRADE=--upgrade make lock for all
	$(BIN)/python -m pip install --quiet --upgrade --target build/lock uv
	$(COMPILE) $(UPGRADE) --group build -o requirements-build.lock
	$(COMPILE) $(UPGRADE) pyproject.toml --extra dev --constraint requirements-build.lock -o requirements.lock
	$(COMPILE) $(UPGRADE) pyproject.toml -o requirements-runtime.lock
	$(COMPILE) $(UPGRADE) --group docs --constraint requirements.lock -o requirements-docs.lock

audit:  ## Known weaknesses of what is locked, and a bill of materials; asks a public list
	@"$(PYTHON)" -m venv build/audit
	@build/audit/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1 cyclonedx-bom==7.5.0
	build/audit/bin/cyclonedx-py requirements requirements-runtime.lock --of JSON -o build/tipo.cdx.json
	build/audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements-runtime.lock

clean:  ## Throw away what was built
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
