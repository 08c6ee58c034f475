# The commands of this project. A newcomer needs `make run` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA_DIR ?= .tidemill
PORT ?= 8000

.PHONY: help run test check dev bench bench-peers soak install install-dev prepare web web-check web-dev ui-dev lock clean

help: ## Show the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(BIN)/uv:
	@echo "» making the environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/uv
	@echo "» installing Tidemill and what it needs (locked in requirements.lock)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q tidemill clients/python  # some machines set PYTHONDONTWRITEBYTECODE: then each start would compile
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo "» installing what the checks and tests need (locked in requirements-dev.lock)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements-dev.lock
	@touch $@

install: $(VENV)/.installed ## Make the environment; leaves .venv/bin/tidemill

install-dev: $(VENV)/.installed-dev

WEB_SOURCES := $(shell find web packaging/build_web.py -type f -not -path 'web/node_modules/*' -not -path 'web/openapi.json' -not -path 'web/src/api/schema.d.ts' -not -path 'web/screenshots/*')

$(VENV)/.web: $(VENV)/.installed $(WEB_SOURCES)
	@$(BIN)/python packaging/build_web.py
	@touch $@

web: $(VENV)/.web ## Build the web interface into the package

$(VENV)/.web-checked: $(VENV)/.web
	@cd web && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent check
	@touch $@

web-check: $(VENV)/.web-checked ## Types, lint and component tests of the web interface

ui-dev: $(VENV)/.web ## The web interface with hot reload, against a running server (TIDEMILL_URL)
	@cd web && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent dev

web-dev: ui-dev

run: install web ## Start everything on loopback: database, server, worker
	@$(BIN)/tidemill up --data-dir $(DATA_DIR) --port $(PORT)

dev: install-dev web ## As `run`, and restart when a source file changes
	@$(BIN)/tidemill up --data-dir $(DATA_DIR) --port $(PORT) --reload

test: install-dev ## Install what the tests need and run them all
	@$(MAKE) --no-print-directory -j2 web-check prepare
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist loadscope

prepare: install-dev
	@$(BIN)/python tests/prepare.py

soak: prepare ## The reliability and security tests in their full form (hours)
	@TIDEMILL_SOAK=1 $(BIN)/python -m pytest tests/reliability tests/security tests/unit/test_job_model.py tests/unit/test_cron.py tests/unit/test_masking.py tests/db/test_keys.py -n 1

check: install-dev ## Format, lint, types, layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

bench: install-dev ## Measure, as ratios to raw baselines taken in the same run
	@$(BIN)/python -m bench

bench-peers: install-dev ## Measure flows beside other systems, each installed apart (not in the tests)
	@$(BIN)/python -m bench.peers

lock: | $(BIN)/uv ## Renew the lock files from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 pyproject.toml packaging/build-tools.txt -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 --group dev pyproject.toml packaging/build-tools.txt -o requirements-dev.lock

clean: ## Remove what `make` made (not your data)
	rm -rf $(VENV) web/node_modules tidemill/server/static/app .mypy_cache .ruff_cache .pytest_cache
