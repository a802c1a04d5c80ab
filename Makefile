# Every target does its own set-up. VENV and PYTHON may be given: make test VENV=/tmp/venv PYTHON=python3.12
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Two processes, a file at a time, and no threads that wait for each other's cores.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -rs --durations=20

.DEFAULT_GOAL := help
.PHONY: help demo test soak check lint constraints clean

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

# The stamp is written last, so a half-made environment is made again.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ganlimit needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(INSTALLED)  ## the main job on handwritten digits, about 8 minutes
	$(BIN)/ganlimit demo

test: $(INSTALLED)  ## the whole test suite
	$(PYTEST)

soak: $(INSTALLED)  ## what `make test` guards too, longer and more often
	$(PYTEST) -m soak

check: lint  ## what to run before a commit: lint, types, architecture and the fast tests
	$(PYTEST) -m "not slow and not soak"

lint: $(INSTALLED)  ## style, types and the walls between the packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

constraints: $(INSTALLED)  ## pin what is installed now
	{ sed -n '/^#/p' constraints.txt; $(BIN)/python -m pip freeze --exclude-editable | grep -E '^[A-Za-z0-9._-]+==' ; } > constraints.new
	mv constraints.new constraints.txt

clean:  ## remove environment and caches, keep results
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
