# Two commands: `make report` and `make test`. Everything they need is made in .venv on the first call and reused
# afterwards. Needs git, make and Python 3.11 to 3.13; nothing else.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-bench
SCENARIO ?= params/default.yaml
export UV_LINK_MODE ?= copy
export PYTHONDONTWRITEBYTECODE :=

# Some machines have shims called python3.12 that do nothing: a candidate counts when it runs and is in range.
PYTHON := $(shell for candidate in "$(PYTHON)" python3 python3.13 python3.12 python3.11 python; do \
  [ -n "$$candidate" ] && "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
  && echo "$$candidate" && break; done)

.PHONY: help report test lab refresh bench lock clean
help: ## what can be made
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*##/\t/' | expand -t 12

# uv installs in seconds what takes pip a minute, but pip does it as well where uv cannot be had. Without
# byte-compiling every kernel would compile pandas and TensorFlow again.
$(VENV)/stamp: requirements.lock pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "No Python 3.11, 3.12 or 3.13 with venv was found. Install one, or: make report PYTHON=/path/to/python3"; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON): about 500 MB to download the first time."
	$(PYTHON) -m venv $(VENV)
	@if $(BIN)/python -m pip install -q --disable-pip-version-check "$$(sed -n 's/^\(uv==[0-9.]*\).*/\1/p' requirements.lock)"; then \
	  $(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock && \
	  $(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	  $(BIN)/python -m pip install -q --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install -q --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@

report: $(VENV)/stamp ## all chapters on real customers -> reports/<scenario>/index.html
	@$(BIN)/clv report $(SCENARIO)

# nbval replays every stored chapter in a fresh kernel and compares the tagged cells.
test: $(VENV)/stamp ## lint, doctests, unit tests, layers, anatomy, nbval, one real report in Chromium
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -q -n 2 --dist loadfile
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --nbval-lax --nbval-cell-timeout=300 --nbval-current-env notebooks

lab: $(VENV)/stamp ## JupyterLab on the chapters
	$(BIN)/jupyter lab --notebook-dir=. $(LAB_ARGS)

refresh: $(VENV)/stamp ## run the stored chapters in place
	$(BIN)/clv refresh

# The peers' environment is apart: lifetimes wants an old setuptools, and nobody needs PyMC to read a chapter.
$(PEERS)/stamp: requirements-bench.lock | $(VENV)/stamp
	$(PYTHON) -m venv $(PEERS)
	@if [ -x $(BIN)/uv ]; then \
	  $(BIN)/uv pip install -q --python $(PEERS)/bin/python --compile-bytecode --require-hashes -r requirements-bench.lock && \
	  $(BIN)/uv pip install -q --python $(PEERS)/bin/python --no-deps --no-build-isolation -e . ; \
	else \
	  $(PEERS)/bin/python -m pip install -q --require-hashes -r requirements-bench.lock && \
	  $(PEERS)/bin/python -m pip install -q --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@

bench: $(PEERS)/stamp ## every benchmark, side by side with its peers -> benchmarks/README.md
	@$(PEERS)/bin/python benchmarks/_readme.py $(BENCHMARKS)

# The peers' lock takes the project's own pins, but for setuptools (see pyproject.toml).
lock: $(VENV)/stamp ## pyproject.toml -> requirements.lock, requirements-bench.lock, environment.yml
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --group test pyproject.toml -o requirements.lock
	sed -n '/^setuptools==/d; s/^\([a-z0-9.-]*==.*\) \\$$/\1/p' requirements.lock | \
	  $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --extra bench -c - pyproject.toml -o requirements-bench.lock
	$(BIN)/python .ci/environment_yml.py > environment.yml

clean: ## forget the environments (reports stay)
	rm -rf $(VENV) $(PEERS)
