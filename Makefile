# `make help` lists the targets. Each sets up .venv by itself; you need only Python 3.11 or newer and make.
VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Where bytecode is not written by itself, every process that a test starts would compile the source again.
COMPILED := @$(BIN)/python -m compileall -q packages
PACKAGES := packages/intacct-protocol packages/intacct-emulator packages/intacct-bridge
OURSELVES := --no-deps --no-build-isolation $(PACKAGES:%=--editable %)
MANIFESTS := $(PACKAGES:%=%/pyproject.toml)
SOURCES := packages/intacct-protocol/src:packages/intacct-emulator/src:packages/intacct-bridge/src
# A shell's own settings must not leak into the virtual environment, and pytest keeps its bytecode for the next run.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

.PHONY: help demo console test test-quick test-all quality-check check bench torture torture-watch torture-scale simulate ledgers reports planted mutate fuzz dist docs screenshots data format clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it with PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: $(BIN)/python $(MANIFESTS) constraints.txt
	@echo "Setting up $(VENV) with everything in constraints.txt (once) ..."
	@$(PIP) --require-hashes --only-binary :all: --requirement constraints.txt
	@$(PIP) $(OURSELVES)
	@touch $@ $(VENV)/.ready-demo

$(VENV)/.ready-demo: $(BIN)/python $(MANIFESTS) constraints-demo.txt
	@echo "Setting up $(VENV) with what the demo needs (once) ..."
	@$(PIP) --require-hashes --only-binary :all: --requirement constraints-demo.txt
	@$(PIP) $(OURSELVES)
	@touch $@

demo: $(VENV)/.ready-demo ## do the main job on an emulated company, in ./demo-company
	@$(BIN)/intacct demo

console: $(VENV)/.ready ## open the console on the demo company, which is made first if it is not there
	@test -f demo-company/company.db || $(BIN)/intacct demo
	@$(BIN)/intacct console --connection demo

# Tests wait for processes and disks now and then, so that one worker more than there are processors is faster.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')

# Which tests run, as an expression of pytest's markers.
TESTS ?= not slow and not foreign and not browser

test: $(VENV)/.ready ## run the tests
	$(COMPILED)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "$(TESTS)"

test-quick: $(VENV)/.ready ## run the quickest tests of every package, in a minute on two processors
	$(COMPILED)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "$(TESTS)" $$(cat tests/quick.txt)

test-all: $(VENV)/.ready ## run all tests: long proofs, a browser, other people's programs, and those of quality/ too
	$(COMPILED)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal tests quality

quality-check: $(VENV)/.ready ## check that the programs of quality/ fit the code: patches, mutants, short runs
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "$(TESTS)" quality

check: $(VENV)/.ready ## check style, types and structure
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python scripts/advisories.py
	$(BIN)/python -m pytest -q -m "not slow and not foreign and not browser" tests/test_*.py

bench: $(VENV)/.ready ## measure speed, memory and API transactions, as ratios
	PYTHONPATH=tests:quality $(BIN)/python -m bench

ledgers: $(VENV)/.ready ## check the books of 200 companies drawn at random, with 500 postings each
	RANDOM_COMPANIES=200x500 $(BIN)/python -m pytest -q -n auto --dist worksteal tests/emulator/ledger/test_random_companies.py

reports: $(VENV)/.ready ## check the views of two companies against 1,000 random postings and 1,000 edits
	REPORTED_COMPANIES=1000x50x7 $(BIN)/python -m pytest -q -n auto -o faulthandler_timeout=0 tests/bridge/copies/views/test_statements.py

torture: $(VENV)/.ready ## run over 1,000 kills and faults against the loader
	PYTHONPATH=tests:quality $(BIN)/python -W error -m torture.torture
	PYTHONPATH=tests:quality $(BIN)/python -W error -m torture.aftermath

torture-scale: $(VENV)/.ready ## loaders and fleets that share only a database: kills of both, and connections that are cut at each statement
	PYTHONPATH=tests:quality $(BIN)/python -W error -m torture.scale
	PYTHONPATH=tests:quality $(BIN)/python -m torture.fleet

planted: $(VENV)/.ready ## plant each bug of quality/planted in a copy of the source, and see which test finds it
	PYTHONPATH=$(SOURCES):tests:quality $(BIN)/python -m planted.planted

mutate: $(VENV)/.ready ## change 500 places in the code that decides on money, and see which changes no test notices
	PYTHONPATH=$(SOURCES):tests:quality $(BIN)/python -m mutation.mutate

fuzz: $(VENV)/.ready ## change texts from outside at random, a minute for each reader
	PYTHONPATH=$(SOURCES):tests:quality $(BIN)/python -m fuzz.fuzz

torture-watch: $(VENV)/.ready ## kill 600 watchers of changes, with receivers that fail, hang and die
	PYTHONPATH=tests:quality $(BIN)/python -W error -m torture.watch

SEEDS ?= 200
FROM ?= 1
simulate: $(VENV)/.ready ## simulate 200 histories of loads, faults, kills and extracts; SEEDS=10000 FROM=1 for others
	PYTHONPATH=tests:quality $(BIN)/python -W error -m simulate.run --seeds $(SEEDS) --from $(FROM) $(if $(KEEP),--keep $(KEEP))

dist: $(VENV)/.ready ## build the wheels and the source archives of the three distributions into dist/
	@rm -rf dist
	@for package in $(PACKAGES); do (cd $$package && $(CURDIR)/$(BIN)/python -m hatchling build -d $(CURDIR)/dist) || exit 1; done

docs: $(VENV)/.ready ## rewrite the generated pages and pictures of docs/, and build the site into site/
	$(BIN)/python scripts/command_index.py
	$(BIN)/python scripts/generate_docs.py
	$(BIN)/python scripts/record_demo.py
	$(BIN)/zensical build --strict

screenshots: $(VENV)/.ready ## take the pictures of docs/console.md; needs a Chromium
	$(BIN)/python scripts/console_pictures.py

data: $(BIN)/python ## make the derived data files again, from the facts in facts/
	$(BIN)/python tools/make_data.py

format: $(VENV)/.ready ## rewrite the code in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove everything that make made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .cache site dist
