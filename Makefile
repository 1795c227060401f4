# The commands of the project. `make` alone lists them; each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PINNED := $(VENV)/.pinned
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
# Tests start a thousand processes: each would compile our modules anew.
test test-fast coverage test-notebooks fuzz: export PYTHONDONTWRITEBYTECODE =
# Most tests wait for other processes; tests/conftest.py says how many run at once.
SIDE_BY_SIDE := -n auto --dist loadgroup
# A shared machine may stall for longer than a test waits. What failed beside others is tried once
# more by itself, and both are shown.
ALONE := { echo "What failed beside others, by itself:"; \
  $(BIN)/coverage run -m pytest -q -n 0 --last-failed --last-failed-no-failures none; }
# What quick tests reach without a process of its own: 75%. Slow ones are not measured (tests/conftest.py).
IN_PROCESS_PERCENT := 73
# Where most tests fill a folder and ask for DataFrames.
NOT_FAST := dashboard exports notebook patterns query reports running test_errors_in_notebooks.py test_examples.py \
  test_frames.py test_history.py test_workbench.py test_workbench_compression.py cli/test_asking.py
.PHONY: help install run dev test coverage test-notebooks test-fast fuzz histories lab notebooks bench lint lint-code lint-types \
  lint-types-darwin docs tables diagrams pictures format build lock clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "make %-14s %s\n", $$1, $$2}'

install: $(READY) ## put everything into .venv

$(PINNED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Waterline needs Python 3.11 or later. Name one: make install PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV): a minute or two, once."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

# Of itself it takes a second, also after each change of pyproject.toml.
$(READY): $(PINNED) pyproject.toml
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: $(READY) ## start server, monitoring and dashboard, with the sample as live traffic
	@$(BIN)/waterline up --demo

dev: $(READY) ## the same, started again whenever the code changes
	@$(BIN)/waterline dev --demo

test: $(READY) ## every test, side by side, then the notebooks
	@$(BIN)/pytest -q $(SIDE_BY_SIDE)
	@$(MAKE) --no-print-directory test-notebooks
	@$(BIN)/python -m tests.support.browser

coverage: $(READY) ## the same with coverage of the code that runs in the tests' own processes
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -q $(SIDE_BY_SIDE) || $(ALONE)
	@$(BIN)/coverage combine --quiet
	@$(MAKE) --no-print-directory test-notebooks
	@$(BIN)/coverage report --fail-under=$(IN_PROCESS_PERCENT)
	@$(BIN)/python -m tests.support.browser

test-notebooks: $(READY) ## run the notebooks side by side, and compare their outputs
	@TQDM_DISABLE=1 $(BIN)/pytest -q -p nbval --nbval --nbval-cell-timeout=120 \
	  --nbval-sanitize-with notebooks/nbval.cfg -n auto --dist loadfile notebooks

test-fast: $(READY) ## the tests that need no server, page, archive or DataFrame, in seconds
	@$(BIN)/pytest -q -n 2 --dist worksteal -m "not slow and not browser" --hypothesis-profile=quick \
	  $(addprefix --ignore=tests/,test_structure.py waterline/archive $(addprefix workbench/,$(NOT_FAST)))

fuzz: $(READY) ## attack a server at random for a minute, or for FUZZ_SECONDS=
	@$(BIN)/pytest tests/server/test_fuzz.py --fuzz-seconds $(or $(FUZZ_SECONDS),60)

histories: $(READY) ## thousands of steps of three nodes, their lake and a cluster, or HISTORY_STEPS=
	@$(BIN)/pytest -q tests/workbench/lake/test_histories.py --history-workers 2 \
	  --history-steps $(or $(HISTORY_STEPS),2000)

lab: $(READY) ## JupyterLab on the notebooks, with the demo and a tile that opens the dashboard
	@$(BIN)/waterline lab notebooks

notebooks: $(READY) ## run the notebooks anew and keep their outputs
	@TQDM_DISABLE=1 $(BIN)/jupyter nbconvert --to notebook --inplace --execute \
	  --ExecutePreprocessor.record_timing=False --ClearMetadataPreprocessor.enabled=True \
	  --ClearMetadataPreprocessor.preserve_cell_metadata_mask='[("tags")]' \
	  --ClearMetadataPreprocessor.preserve_nb_metadata_mask='[("kernelspec"),("language_info","name")]' \
	  notebooks/*.ipynb

bench: $(READY) ## measure, each figure beside its limit or baseline; JSON=FILE keeps it too
	@$(BIN)/python -m benchmarks $(if $(JSON),--json '$(JSON)')

lint: lint-code lint-types lint-types-darwin docs ## format check, lint, spelling, types, which room imports which, and the documents

lint-code: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/codespell
	@$(BIN)/hadolint deploy/Dockerfile
	@$(BIN)/lint-imports --no-logo

lint-types: $(READY)
	@$(BIN)/mypy

lint-types-darwin: $(READY)
	@$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin

docs: $(READY) ## the site of docs/, into site/; fails at a stale table or a link that leads nowhere
	@$(BIN)/python -m scripts.tables --check
	@$(BIN)/zensical build --strict

tables: $(READY) ## write the tables in docs/ that come from the code
	@$(BIN)/python -m scripts.tables

diagrams: $(READY) ## draw the diagrams of docs/architecture.md
	@$(BIN)/python -m scripts.diagrams

pictures: $(READY) ## take the pictures of dashboard and notebook; it takes seven minutes, and Chromium
	@$(BIN)/python -m scripts.pictures

format: $(READY) ## format the code and mend what lint can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

build: $(READY) ## the packages that pip installs, into dist: sdist and wheel
	@$(BIN)/python -m build --no-isolation

lock: ## pin every dependency anew, with hashes
	@$(PYTHON) -m venv $(VENV)-lock
	@$(VENV)-lock/bin/pip install --quiet --disable-pip-version-check uv
	@$(VENV)-lock/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url \
	  --python-version 3.11 --all-extras --upgrade pyproject.toml --output-file requirements.lock
	@rm -rf $(VENV)-lock

clean: ## remove what the commands above made
	@rm -rf $(VENV) .cache site .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
