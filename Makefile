# Two commands: `make demo` and `make test`. Both keep their environment in .venv.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DEMO := build/demo
EVENTS ?= 100000
MUTANTS ?= schemas.*7

.PHONY: demo test unit mutants lint reference coverage bench bench-extras stream-demo lock clean

$(VENV)/.ready: requirements.txt requirements-dev.txt setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.txt -r requirements-dev.txt -e .
	touch $@

demo: $(VENV)/.ready ## simulate 100,000 messages and run the main job over them
	$(BIN)/python -m pipelines simulate --output $(DEMO)/input --events $(EVENTS) --seed 1 --overwrite
	$(BIN)/python -m pipelines local --input $(DEMO)/input --output $(DEMO)/output --overwrite

test: $(VENV)/.ready lint ## style, types and all tests but the slow ones
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not slow"

unit: $(VENV)/.ready ## what is run at every save, in seconds: plugins that no unit test uses stay away
	$(BIN)/python -m pytest -p no:hypothesispytest -p no:anyio -p no:xdist -p no:logging tests/unit

mutants: $(VENV)/.ready ## changes the code in small ways and sees whether a test fails; docs/mutation.md (MUTANTS="schemas.timestamps.*")
	$(BIN)/mutmut run --max-children 1 $(foreach one,$(MUTANTS),'$(one)')
	$(BIN)/mutmut results | grep -v "not checked"

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

reference: $(VENV)/.ready ## the pages and the files of Terraform that are made of the code
	$(BIN)/python -m pipelines.cli.reference_docs docs/reference
	$(BIN)/python -m schemas.docs.contract_page docs/data-contract.md docs/read-side.md
	$(BIN)/python -m pipelines provision --export templates/bigquery
	$(BIN)/python -m pipelines template-spec --write_metadata templates

coverage: $(VENV)/.ready ## branches of schemas/ that unit and property tests take; fails under 98 %
	$(BIN)/python -m pytest -n 2 -m "not slow" tests/unit tests/properties \
		--cov=schemas --cov-branch --cov-fail-under=98 --cov-report=term-missing:skip-covered

bench: $(VENV)/.ready ## CPU seconds per million events, against other ways of doing the same (BENCH="--events 100000")
	$(BIN)/python -m benchmarks $(BENCH)

bench-extras: $(VENV)/.ready ## Bytewax, Pathway and PyFlink, each into a venv of its own
	$(BIN)/python -m benchmarks.extras

stream-demo: $(VENV)/.ready ## the main job live, against the Pub/Sub emulator
	$(BIN)/python -m pipelines stream-demo

lock: $(VENV)/.ready ## pin the image's packages anew, with hashes
	$(BIN)/uv pip compile requirements.txt --generate-hashes --python-version 3.11 \
	  --python-platform x86_64-manylinux_2_28 --no-header --no-emit-index-url -q -o templates/requirements.lock

clean:
	rm -rf build dist *.egg-info
