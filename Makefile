# `make run` starts the board, `make test` runs the whole suite; `make help` lists the rest.
PYTHON ?= $(or $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c '$(new_enough)' 2>/dev/null && echo $$p && break; done),python3)
new_enough := import sys; sys.exit(sys.version_info < (3, 11))
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPILE := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --quiet $(PINS_ARGS)
fail = { echo "$(1)" >&2; exit 1; }

.PHONY: help run test bench soak kill-test screenshots fuzz lint format pins clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile

run: .venv/requirements.stamp ## start the board; ARGS="--port 4000" is passed to bbs serve
	@$(BIN)/bbs serve $(ARGS)

# Most tests wait for a process or a database; each worker has a PostgreSQL of its own.
WORKERS ?= 3
test: .venv/requirements-test.stamp ## run the whole suite; PYTEST_ARGS="-k board" is passed to pytest
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) $(PYTEST_ARGS)

N ?= 100
SEED ?= $(shell date +%s)
kill-test: .venv/requirements-test.stamp ## kill the board N=100 times on each database; SEED=... repeats a run's moments
	$(BIN)/python -m pytest tests/faults/test_kill.py --kills $(N) --kill-seed $(SEED)

LONG := transcripts domain/test_board_machine.py console/test_conformance.py platform/test_relay_order.py \
	faults/test_plugin_backup.py wire/test_torn_headers.py
soak: .venv/requirements-test.stamp ## try ten times as much as the suite does where chance finds what is wrong
	SOAK=10 $(BIN)/python -m pytest $(addprefix tests/,$(LONG)) --timeout 3600

bench: .venv/requirements-test.stamp ## measure speed against other designs, some ten minutes; BENCH_ARGS="lists posts" measures only that
	$(BIN)/python -m tests.benchmarks --json build/benchmarks.json --plots build $(BENCH_ARGS)

screenshots: .venv/requirements-test.stamp ## take the pictures of docs/console.md anew
	$(BIN)/python -m pytest tests/browser/test_pictures.py --screenshots docs/console

SECONDS ?= 60
fuzz: .venv/requirements-fuzz.stamp ## search for input that breaks the wire or a session, SECONDS=60 for each; FUZZ_ARGS go to libFuzzer
	$(BIN)/python -m tests.fuzz.target wire $(SECONDS) build/fuzz/wire $(FUZZ_ARGS)
	$(BIN)/python -m tests.fuzz.target conversation $(SECONDS) build/fuzz/conversation $(FUZZ_ARGS)

lint: .venv/requirements-test.stamp ## check style, types and imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/requirements-test.stamp ## format the code and mend what can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

pins: $(BIN)/python ## pin what pyproject.toml asks for; PINS_ARGS=--upgrade takes the newest
	$(PIP) install uv
	$(COMPILE) --group build --output-file config/requirements.txt
	$(COMPILE) --group test --constraint config/requirements.txt --output-file config/requirements-test.txt
	$(COMPILE) --group fuzz --constraint config/requirements.txt --output-file config/requirements-fuzz.txt

clean: ## remove the virtual environment, caches and build output
	rm -rf .venv build dist *.egg-info .*_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/%.stamp: config/%.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r $<
	$(PIP) install --no-build-isolation --no-deps -e .
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c '$(new_enough)' 2>/dev/null || $(call fail,Python 3.11 or newer is needed: install it or say where it is with PYTHON=/path/to/python3.)
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(call fail,Python cannot make a virtual environment here: install python3-venv.)
	$(PYTHON) -m venv .venv
