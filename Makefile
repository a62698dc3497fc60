# Gradus on one machine, from a bare Python 3.11: `make demo`.
# Every target works in the environment that this file makes, whatever the caller's looks like.

SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.11 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
PIP := $(RUN) -m pip --disable-pip-version-check install --quiet

export PYTHONPATH := $(CURDIR)
unexport PYTHONHOME PYTHONSTARTUP VIRTUAL_ENV
AGAIN ?=

# Tests and measurements start servers of their own: settings of an installation must not reach them.
ALONE := env -u GRADUS_HOME -u GRADUS_HOST -u GRADUS_PORT -u GRADUS_DATABASE_URL -u GRADUS_BROKER_URL \
	-u GRADUS_STORAGE_URL -u GRADUS_SECRET_KEY
TEST := $(ALONE) OMP_NUM_THREADS=1 $(RUN) -m pytest

.DEFAULT_GOAL := help
.PHONY: help setup demo up test check format lock bench accuracy fuzz chaos samples clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Gradus needs Python 3.11 or newer; none was found on the path." >&2; exit 1; }
	@echo "making the environment $(VENV) with $(PYTHON)"
	@"$(PYTHON)" -m venv "$(VENV)"

$(VENV)/standalone.stamp: requirements/standalone.txt | $(BIN)/python
	@echo "installing requirements/standalone.txt (most of it torch: 2 GB on disk with its processor build, over 5 GB with CUDA)"
	@$(PIP) --requirement requirements/standalone.txt
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/standalone.stamp
	@echo "installing requirements/dev.txt"
	@$(PIP) --requirement requirements/dev.txt
	@touch $@

setup: $(VENV)/standalone.stamp  ## make the environment and install what running needs

demo: setup  ## start everything, train two models on the sample sets, predict; AGAIN=1 trains anew
	@exec $(RUN) -m services.standalone demo $(if $(AGAIN),--again)

up: setup  ## start everything and serve until Ctrl-C
	@exec $(RUN) -m services.standalone up

# Two files at a time, in the order of the tree: the longest come first, so that both processes end together.
test: $(VENV)/dev.stamp  ## run the tests
	$(TEST) --numprocesses=2 --dist=loadfile --no-loadscope-reorder

check: $(VENV)/dev.stamp  ## lint, format, types, import contracts, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(TEST) tests/architecture

format: $(VENV)/dev.stamp  ## rewrite the sources in the house's format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

lock: $(VENV)/dev.stamp  ## lock the versions of requirements/*.in
	PATH="$(BIN):$$PATH" requirements/lock.sh

samples: $(VENV)/dev.stamp  ## rebuild the sample sets from their packages
	$(RUN) samples/rebuild.py

bench: $(VENV)/dev.stamp  ## measure speed against peers and limits
	$(ALONE) $(RUN) -m bench

accuracy: $(VENV)/dev.stamp  ## measure accuracy; GRADUS_TEST_DATA names the folder of the data sets
	$(ALONE) $(RUN) -m bench.accuracy

fuzz: $(VENV)/dev.stamp  ## look for settings and inputs that break a property, twenty times as many as the tests draw
	$(TEST) -m hypothesis --hypothesis-profile=search

chaos: $(VENV)/dev.stamp  ## kill everything at random and count what was lost
	$(ALONE) $(RUN) -m bench.chaos

clean:  ## remove the environment and caches; what Gradus keeps in .gradus stays
	rm -rf "$(VENV)" .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov
	find . -name __pycache__ -type d -not -path './.gradus/*' -prune -exec rm -rf {} +
