# Everything here needs python3 (3.11 or later), python3-venv and make. The rest goes into .venv, made on first use.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.complete
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet -c constraints.txt
NEED := packaging/dev/need
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint fmt man bench env clean deb test-deb test-units rpm wheel zipapp completions screenshot

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: $(STAMP) ## make a mess in a private namespace, look at it, clean it up
	@$(BIN)/python packaging/demo/demo.py

test: $(STAMP) ## the whole suite; ARGS='-k word' to choose
	@$(NEED) tests || true
	$(BIN)/python -m pytest $(ARGS)

lint: $(STAMP) ## ruff, mypy, import contracts, manual pages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@set -- man/*; \
	if ! [ -e "$$1" ]; then echo "no manual pages yet"; \
	elif $(NEED) mandoc; then echo mandoc -Tlint -W warning "$$@"; mandoc -Tlint -W warning "$$@"; fi

fmt: $(STAMP) ## let ruff format and fix what it can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

man: $(STAMP) ## write the columns and metrics that the code knows into the manual
	@$(BIN)/python packaging/dev/man_columns.py
	@$(BIN)/python packaging/dev/man_metrics.py

bench: $(STAMP) ## measure against util-linux, side by side
	@$(NEED) unshare mount ipcs ipcrm lsof || true
	$(BIN)/python -m tests.bench $(ARGS)

deb: $(STAMP) ## Debian packages, into dist/
	@$(NEED) dpkg-buildpackage dh dh_python3
	@packaging/make/deb

test-deb: $(STAMP) ## install, use, upgrade and purge them in a clean Debian root (minutes; root)
	@packaging/make/test-deb

test-units: $(STAMP) ## run the systemd units under a real systemd, in a container (root)
	@packaging/make/test-units

rpm: $(STAMP) ## an RPM package, into dist/
	@$(NEED) rpmbuild
	@packaging/make/rpm

wheel: $(STAMP) ## a wheel, into dist/
	@mkdir -p dist
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . && ls dist/*.whl

zipapp: $(STAMP) ## dist/ipcctl.pyz: one file to copy to a host
	@$(BIN)/python packaging/make/pyz.py dist/ipcctl.pyz && ls dist/ipcctl.pyz

completions: $(STAMP) ## write the completion scripts of the shells
	@$(BIN)/python packaging/make/completions.py

screenshot: $(STAMP) ## draw the README's picture anew
	@$(BIN)/python packaging/demo/screenshot.py

env: $(STAMP) ## only make .venv

clean: ## remove .venv and what the tools left behind
	rm -rf .venv build dist .coverage .coverage.* htmlcov .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A broken or half-made .venv (an upgraded python3, an interrupted run) is made anew. The build backend is installed
# first, so that the pins hold for it too.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "ipcctl needs Python 3.11 or later; '$(PYTHON)' is $$($(PYTHON) -V 2>&1 | tail -n 1). Try: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "'$(PYTHON)' has no venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "making .venv (once)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(PIP) hatchling editables
	@$(PIP) --no-build-isolation -e '.[dev]'
	@touch $@
