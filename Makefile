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
# Tests start thousands of processes: without cached bytecode each would compile the framework anew.
unexport PYTHONDONTWRITEBYTECODE
# Those that measure time have the machine for themselves. Of the others conftest.py says which come
# first, so that no long module is left alone at the end.
ALONE := tests/benchmarks
FAST := tests/unit tests/filtering tests/plugin_api
SIDE_BY_SIDE := $(filter-out $(ALONE) tests/__pycache__,$(patsubst %/,%,$(wildcard tests/*/))) \
	$(wildcard plugins/*/tests docs/examples/*/tests)

.DEFAULT_GOAL := help
.PHONY: help install constraints demo serve screenshots docs docs-serve reference recording diagrams test test-fast test-crash stalls drills model exercises bench bench-smoke lint format dist clean

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

docs: install  ## Build the documentation site and check each link: build/site/index.html
	@$(BIN)/python -m tests.site

docs-serve: install  ## Serve the site while you write; it is built anew when a page changes
	@$(BIN)/python -m tests.site --serve $(ARGS)

reference: install  ## Write the pages of docs/reference that are made of the code
	@$(BIN)/python -m tests.site.errors_page

recording: install  ## Record the demo anew, as a picture that moves: docs/demo.svg
	@$(BIN)/python -m tests.site.recording

diagrams: install  ## Draw the diagrams of the pages anew, for the site (needs npm and Chromium)
	@$(BIN)/python -m tests.site.diagrams

test: install  ## Run all tests, with every real service that this machine can have
	@$(BIN)/python -m tests.services
ifeq ($(ARGS),)
	$(BIN)/python -m pytest -n 3 --durations 15 --dist loadfile --no-loadscope-reorder $(SIDE_BY_SIDE)
	$(BIN)/python -m pytest $(ALONE)
else
	$(BIN)/python -m pytest $(ARGS)
endif

test-fast: install  ## Run what needs no server, in about two minutes
	$(BIN)/python -m pytest -n auto --dist loadfile $(FAST) $(ARGS)

test-crash: install  ## Kill, freeze and cut at random, on every broker and database: build/crash-suite.md
	@$(BIN)/python -m tests.services
	ASYNCEVENTS_TEST_KILLS=25 $(BIN)/python -m pytest tests/integration/test_kill_points.py
	ASYNCEVENTS_CRASH_FULL=1 $(BIN)/python -m pytest -n 3 --dist worksteal tests/crash/test_crash.py $(ARGS)
	@cat build/crash-suite.md

drills: stalls  ## The same as stalls: what probes, metrics, status, check and log say of each

stalls: install  ## Let everything stand still that can: build/stalls.md (ARGS="--false-alarms 60")
	@$(BIN)/python -m tests.services
	@$(BIN)/python -m tests.stalls $(ARGS)

model: install  ## Check the model of the state machine, break each rule: build/model.md
	@$(BIN)/python -m tests.services
	$(BIN)/python -m tests.model $(ARGS)

exercises: install  ## Do twenty tasks as users have them, by their solutions; or ARGS=--help
ifeq ($(ARGS),)
	ASYNCEVENTS_EXERCISES_FULL=1 $(BIN)/python -m pytest -n 2 tests/exercises
else
	@$(BIN)/python -m tests.exercises $(ARGS)
endif

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

# Built twice from the same commit, a distribution is the same file.
dist: install  ## Build all distributions, with checksums and a bill of materials: build/dist
	rm -rf build/dist build/bom && mkdir -p build/dist
	@set -e; export SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct); \
	for project in . $(wildcard plugins/*); do \
		echo "building $$project"; \
		(cd $$project && $(CURDIR)/$(BIN)/python -m hatchling build -d $(CURDIR)/build/dist >/dev/null); \
	done
	$(PYTHON) -m venv build/bom/installed
	$(PYTHON) -m venv build/bom/tool
	build/bom/tool/bin/python -m pip install --quiet --disable-pip-version-check 'cyclonedx-bom>=7,<8'
	build/bom/installed/bin/python -m pip install --quiet --disable-pip-version-check \
		-c $(CONSTRAINTS) --find-links build/dist $(notdir $(wildcard plugins/*)) \
		'asyncevents-core[postgresql,mysql,redis,search,schemas,web,otel]'
	build/bom/installed/bin/python -m pip uninstall --quiet --yes pip setuptools 2>/dev/null || true
	build/bom/tool/bin/cyclonedx-py environment --output-reproducible --spec-version 1.6 \
		--output-file build/dist/sbom.cdx.json build/bom/installed/bin/python
	cd build/dist && sha256sum *.whl *.tar.gz sbom.cdx.json > SHA256SUMS && cat SHA256SUMS

clean:  ## Remove .venv and what tools left behind
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
