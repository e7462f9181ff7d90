# `make demo` and `make test` need Python 3.11, make and PyPI. `make help` lists everything.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DEMO := build/demo
EVENTS ?= 100000
MUTANTS ?= schemas.*7

.DEFAULT_GOAL := help
.PHONY: help demo test test-all unit mutants lint format reference coverage bench bench-extras stream-demo lock clean clean-demo

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: requirements.txt requirements-api.txt requirements-dev.txt pyproject.toml setup.py
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not installed; install Python 3.11, or name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "creating the environment in $(VENV) (about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet -r requirements.txt -r requirements-dev.txt -e .
	@touch $@

demo: $(VENV)/.ready ## generate 100,000 test messages and run the batch pipeline on them (EVENTS=1000 for a quick look)
	$(BIN)/python -m pipelines simulate --output $(DEMO)/input --events $(EVENTS) --seed 1 --overwrite
	$(BIN)/python -m pipelines local --input $(DEMO)/input --output $(DEMO)/output --overwrite

test: $(VENV)/.ready lint ## style, types and the tests; what needs more than PyPI is skipped with the reason
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not slow and not full"

test-all: $(VENV)/.ready lint ## what CI runs: the tests, and those that take longer than they are worth on a laptop
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not slow" $(PYTEST_OPTIONS)

unit: $(VENV)/.ready ## the unit tests alone, without the plugins that none of them uses: seconds
	$(BIN)/python -m pytest -p no:hypothesispytest -p no:anyio -p no:xdist -p no:logging tests/unit

mutants: $(VENV)/.ready ## mutation tests (MUTANTS="schemas.timestamps.*"); docs/mutation.md
	$(BIN)/mutmut run --max-children 1 $(foreach pattern,$(MUTANTS),'$(pattern)')
	$(BIN)/mutmut results | grep -v "not checked"

lint: $(VENV)/.ready ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

format: $(VENV)/.ready ## format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

reference: $(VENV)/.ready ## regenerate reference pages, DDL, Terraform's schemas and template metadata from the code
	$(BIN)/python -m pipelines.cli.reference_docs docs/reference
	$(BIN)/python -m schemas.docs.contract_page docs/data-contract.md docs/error-codes.md docs/read-side.md docs/event-store-views.md
	$(BIN)/python -m pipelines provision --export templates/bigquery
	$(BIN)/python -m pipelines template-spec --write_metadata templates
	$(BIN)/python -m services.api.openapi templates/api/openapi.yaml

coverage: $(VENV)/.ready ## branch coverage of schemas/ by unit and property tests; fails under 98 %
	$(BIN)/python -m pytest -n 2 -m "not slow" tests/unit tests/properties \
		--cov=schemas --cov-branch --cov-fail-under=98 --cov-report=term-missing:skip-covered

bench: $(VENV)/.ready ## CPU seconds per million events beside other implementations (BENCH="--events 100000")
	$(BIN)/python -m benchmarks $(BENCH)

bench-extras: $(VENV)/.ready ## install Bytewax, Pathway and PyFlink, each into an environment of its own
	$(BIN)/python -m benchmarks.extras

stream-demo: $(VENV)/.ready ## run the streaming pipeline against the Pub/Sub emulator (needs java, the emulator and Prism)
	$(BIN)/python -m pipelines stream-demo

lock: $(VENV)/.ready ## pin the image's packages with hashes
	$(BIN)/uv pip compile requirements.txt requirements-cloud-sql.txt --generate-hashes --python-version 3.11 \
	  --python-platform x86_64-manylinux_2_28 --no-header --no-emit-index-url -q -o templates/requirements.lock
	$(BIN)/uv pip compile requirements-api.txt --generate-hashes --python-version 3.11 \
	  --python-platform x86_64-manylinux_2_28 --no-header --no-emit-index-url -q -o templates/api/requirements.lock

clean: ## delete build products; the demo's output and the environment stay
	rm -rf build/lib build/bdist.* build/sbom.json build/zetasql dist *.egg-info .mypy_cache .ruff_cache

clean-demo: ## delete the demos' input and output
	rm -rf $(DEMO) build/stream-demo
