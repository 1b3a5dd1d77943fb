# Everything here sets itself up: `make demo` and `make test` work on a fresh clone.

PYTHON ?= $(shell for one in python3.13 python3.12 python3.11 python3; do \
	command -v $$one >/dev/null && $$one -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$one && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH_STAMP := $(VENV)/.bench-installed
PROJECTS := pyproject.toml $(wildcard plugins/*/pyproject.toml docs/examples/*/pyproject.toml)
EDITABLE := $(foreach project,$(PROJECTS),-e $(patsubst %/,%,$(dir $(project))))
CONSTRAINTS := constraints.txt
ARGS ?=
# Those that measure time have the machine for themselves. Long modules come first, so that none is
# left alone at the end, and then those that wait for processes. What is named twice runs once.
ALONE := tests/benchmarks
LONG := tests/docs/test_walkthroughs.py tests/conformance/test_ledgers.py \
	tests/web/pages/test_hostile.py tests/search/test_queries.py tests/installing/test_scaffolds.py
FIRST := tests/integration tests/crash
SIDE_BY_SIDE := $(LONG) $(FIRST) \
	$(filter-out $(ALONE) $(FIRST) tests/__pycache__,$(patsubst %/,%,$(wildcard tests/*/))) \
	$(wildcard plugins/*/tests docs/examples/*/tests)

.DEFAULT_GOAL := help
.PHONY: help install constraints demo serve screenshots test test-crash stalls model bench bench-smoke lint format clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(STAMP)  ## Make .venv with core, the plugins, the examples and the tools

$(STAMP): $(PROJECTS) $(CONSTRAINTS)
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
		|| { echo "$(PYTHON) cannot make a virtual environment (Debian: apt install python3-venv)" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) $(EDITABLE) --group dev
	@touch $@

demo: install  ## Watch a shop publish and a receiver listen (ARGS="--events 200 --exit")
	@$(BIN)/asyncevents demo $(ARGS)

serve: install  ## Serve the REST API of your settings module (ARGS="--port 8080")
	@$(BIN)/asyncevents serve $(ARGS)

screenshots: install  ## Take pictures of all pages: build/screenshots (ARGS=--docs: those of docs/)
	@$(BIN)/python -m tests.services
	@$(BIN)/python -m tests.browser.screenshots $(ARGS)

test: install  ## Run all tests, with every real service that this machine can have
	@$(BIN)/python -m tests.services
ifeq ($(ARGS),)
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(SIDE_BY_SIDE)
	$(BIN)/python -m pytest $(ALONE)
else
	$(BIN)/python -m pytest $(ARGS)
endif

test-crash: install  ## Kill, freeze and cut at random, on every broker and database: build/crash-suite.md
	@$(BIN)/python -m tests.services
	ASYNCEVENTS_TEST_KILLS=25 $(BIN)/python -m pytest tests/integration/test_kill_points.py
	ASYNCEVENTS_CRASH_FULL=1 $(BIN)/python -m pytest -n 3 --dist worksteal tests/crash/test_crash.py $(ARGS)
	@cat build/crash-suite.md

stalls: install  ## Let everything stand still that can: build/stalls.md (ARGS="--false-alarms 60")
	@$(BIN)/python -m tests.services
	@$(BIN)/python -m tests.stalls $(ARGS)

model: install  ## Check the model of the state machine, break each rule: build/model.md
	@$(BIN)/python -m tests.services
	$(BIN)/python -m tests.model $(ARGS)

bench: $(BENCH_STAMP)  ## Measure beside Celery and a bare loop: build/benchmarks (ARGS=--help)
	@$(BIN)/python -m tests.services
	@$(BIN)/python -m tests.benchmarks $(ARGS)

bench-smoke: install  ## The short form of it that is part of `make test`, about a minute
	@$(BIN)/python -m tests.services
	$(BIN)/python -m pytest -s tests/benchmarks $(ARGS)

$(BENCH_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	@touch $@

lint: install  ## Check style, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

constraints:  ## Pin the newest versions of all that is installed: constraints.txt
	rm -rf build/constraints
	$(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet --disable-pip-version-check $(EDITABLE) --group dev
	head -1 $(CONSTRAINTS) > build/constraints.txt
	build/constraints/bin/python -m pip freeze --exclude-editable >> build/constraints.txt
	mv build/constraints.txt $(CONSTRAINTS)

format: install  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## Remove .venv and what tools left behind
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
