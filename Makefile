# Firstbell: `make demo` shows it, `make test` proves it, `make check` is the one gate. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
export SAM_CLI_TELEMETRY := 0
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help setup demo test check soak format lint types templates build engine deploy deploy-alarms deploy-local lab benchmark lock clean schema

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-16s%s\n", $$1, $$2}'

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'pass' 2>/dev/null \
	  || { echo "There is no Python called $(PYTHON). Say which one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' \
	  || { echo "Firstbell needs Python 3.11 to 3.14, but $(PYTHON) is $$($(PYTHON) -V 2>&1). Say which one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "Python's venv module is missing. Install it: sudo apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing the pinned dependencies into $(VENV) (about a minute) …"
	@rm -rf $(VENV) && $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(READY) ## the virtual environment with everything, .venv/bin/firstbell included

demo: setup ## an exam morning at a real Moodle's calendar, in the simulator
	@$(BIN)/firstbell simulate exam-morning --report report.html

test: setup ## all tests, in parallel
	@$(BIN)/pytest -n 2

check: setup lint types templates test ## the one gate: format, lint, types, templates, tests

format: setup ## format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix-only --quiet .

lint: setup
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: setup
	@$(BIN)/mypy -p firstbell -p simulator -p cli -p local_aws -p nfs_lab -p tools
	@for app in functions/*/app.py; do $(BIN)/mypy --no-error-summary "$$app" || exit 1; done

templates: setup
	@$(BIN)/python -m tools.embed_probe --check
	@$(BIN)/cfn-lint template.yaml infrastructure/*.yaml
	@$(BIN)/sam validate --lint
	@$(BIN)/firstbell schema | cmp - docs/site.schema.json \
	  || { echo "docs/site.schema.json is out of date: run make schema" >&2; exit 1; }
	@$(BIN)/firstbell schema term | cmp - docs/term.schema.json \
	  || { echo "docs/term.schema.json is out of date: run make schema" >&2; exit 1; }

schema: setup ## write docs/*.schema.json, the JSON Schemas of the site file and the term file for editors
	@$(BIN)/firstbell schema > docs/site.schema.json
	@$(BIN)/firstbell schema term > docs/term.schema.json

build: setup ## sam build: for the template's runtime and architecture, from any host Python, without Docker
	@find functions -name __pycache__ -prune -exec rm -rf {} +
	@$(BIN)/sam build
	@$(BIN)/python -m tools.layer_sizes

engine: setup ## the backup engine as one file for any Python from 3.9 on: dist/firstbell-backup.pyz
	@$(BIN)/python -m tools.pack_engine

deploy: build ## sam deploy --guided, into the AWS account of your credentials
	@$(BIN)/sam deploy --guided

deploy-alarms: setup ## the alarms of one site (SITE=campus), into the AWS account of your credentials
	@test -n '$(SITE)' || { echo "Which site? Say its name, as in its site file: make deploy-alarms SITE=campus" >&2; exit 1; }
	@$(BIN)/sam deploy --guided --template-file infrastructure/alarms.yaml --config-env 'alarms-$(SITE)' \
	  --stack-name 'firstbell-alarms-$(SITE)' --parameter-overrides 'Site=$(SITE)'

deploy-local: setup ## the real SAM CLI deploys the template to an AWS on this machine, and a smoke test runs in it
	@$(BIN)/python -m local_aws

lab: setup ## the mount probe on real NFS mounts that break in every way (root; ONLY=pattern); it says what is missing
	@$(BIN)/python -m nfs_lab $(if $(ONLY),--only '$(ONLY)')

soak: setup ## many simulated mornings with faults drawn by the seed (SEEDS=200)
	@$(BIN)/python -m simulator.soak $(or $(SEEDS),200)

benchmark: setup ## measure: the twin's speed, the plan against other policies (TRACES=folder), planning 1,000 sites
	@$(BIN)/python -m simulator.bench && $(BIN)/python -m simulator.traffic.bench
	@$(BIN)/python -m simulator.contest $(if $(TRACES),--traces $(TRACES))
	@$(BIN)/python -m simulator.planning_bench

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-strip-extras --no-annotate --no-header

lock: setup ## write the lock files anew from the *.in files
	@$(BIN)/pip install --quiet --disable-pip-version-check uv
	@$(LOCK) $(UPGRADE) requirements/dev.in -o requirements/dev.txt
	@$(LOCK) $(UPGRADE) -c requirements/dev.txt layers/dependencies/requirements.in -o layers/dependencies/requirements.txt
	@$(LOCK) $(UPGRADE) requirements/local.in -o requirements/local.txt

clean: ## remove what was built (not the virtual environments)
	@rm -rf .aws-sam build dist report.html .pytest_cache .mypy_cache .ruff_cache .hypothesis
