# Every target does its own set-up. VENV and PYTHON may be given: make test VENV=/tmp/venv PYTHON=python3.12
PYTHON ?= python3
VENV ?= .venv
VENV_LOWEST ?= .venv-lowest
VENV_DEVICES ?= .venv-devices
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_LOWEST := $(VENV_LOWEST)/.installed
INSTALLED_DEVICES := $(VENV_DEVICES)/.installed

# Two processes, a file at a time, and no threads that wait for each other's cores.
IN_PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder -rs --durations=20
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(IN_PARALLEL)

.DEFAULT_GOAL := help
.PHONY: help demo test soak test-lowest test-devices check lint constraints clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

# The stamp is written last, so a half-made environment is made again.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ganlimit needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(INSTALLED)  ## the main job on handwritten digits, about 3 minutes
	$(BIN)/ganlimit demo

test: $(INSTALLED)  ## the whole test suite
	$(PYTEST)

soak: $(INSTALLED)  ## what is too long for `make test`: a cluster that many use, many kills, and then two hours of small sweeps
	$(PYTEST) -m soak
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.soak

# The lower bounds are those of Python 3.11: newer ones have no wheels of some. PYTHON=python3.11 where it is not python3.
$(INSTALLED_LOWEST): pyproject.toml tests/lower_bounds.py
	$(PYTHON) -m venv $(VENV_LOWEST)
	$(PYTHON) tests/lower_bounds.py > $(VENV_LOWEST)/lowest.txt
	$(VENV_LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check -c $(VENV_LOWEST)/lowest.txt -e '.[dev]'
	touch $@

test-lowest: $(INSTALLED_LOWEST)  ## the fast tests on the oldest versions that pyproject.toml allows
	OMP_NUM_THREADS=1 $(VENV_LOWEST)/bin/python -m pytest $(IN_PARALLEL) -m "not slow and not soak"

# ExecuTorch brings 22 packages, and goes with the pinned ones. LiteRT goes with them too.
$(INSTALLED_DEVICES): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV_DEVICES)
	$(VENV_DEVICES)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,litert,executorch]'
	touch $@

test-devices: $(INSTALLED_DEVICES)  ## the exports for LiteRT and ExecuTorch, in an environment that has both
	OMP_NUM_THREADS=1 $(VENV_DEVICES)/bin/python -m pytest $(IN_PARALLEL) tests/gan/deployment

check: lint  ## what to run before a commit: lint, types, architecture and the fast tests
	$(PYTEST) -m "not slow and not soak"

# The second deptry looks at the tests, which may import the tools and need not import everything.
lint: $(INSTALLED)  ## style, types, the walls between the packages, and what is declared of other packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry gan cluster analysis sweeps
	$(BIN)/deptry tests --exclude /data/ --ignore DEP002,DEP004

constraints: $(INSTALLED)  ## pin what is installed now
	{ sed -n '/^#/p' constraints.txt; $(BIN)/python -m pip freeze --exclude-editable | grep -E '^[A-Za-z0-9._-]+==' ; } > constraints.new
	mv constraints.new constraints.txt

clean:  ## remove environment and caches, keep results
	rm -rf $(VENV) $(VENV_LOWEST) $(VENV_DEVICES) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
