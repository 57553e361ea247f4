# Thin wrappers over the command `stakewire` (see `stakewire --help`), and the virtual environment it lives in.

SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# The Python that makes the virtual environment; name another one with `make run PYTHON=/path/to/python3`.
PYTHON ?=
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install
RUNTIME := $(VENV)/.runtime-installed
DEVELOPMENT := $(VENV)/.development-installed
CHECKED := services shared deploy tests
# Builds helm where it is not installed; any helm 3 from this version on renders the same.
HELM_VERSION := v3.19.5

.PHONY: help run up down status demo test faults prove compose-env bench bench-wallet bench-catalogue bench-history bench-tracing bench-live bench-backoffice tools-helm chart dashboards lint format lock clean install install-dev

help: ## show this list
	@echo "Stakewire: the operator's side of casino game integration. The two commands to know: make run, make test."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "More in one command line: $(BIN)/stakewire --help"

run: $(RUNTIME) ## start everything, play demo traffic and show it until Ctrl-C
	@exec $(BIN)/stakewire run

up: $(RUNTIME) ## start everything in the background; returns when healthy; repairs what died
	@$(BIN)/stakewire up

down: $(RUNTIME) ## stop everything; the data stays
	@$(BIN)/stakewire down

status: $(RUNTIME) ## what runs, where, and whether it is healthy
	@$(BIN)/stakewire status

demo: $(RUNTIME) ## play 2,000 rounds with retries and rollbacks, then compare the books
	@$(BIN)/stakewire demo

test: $(DEVELOPMENT) ## the whole test suite, on a PostgreSQL and a Kafka of its own
	@$(BIN)/python -m pytest tests

faults: $(DEVELOPMENT) ## the fault suite, longer than in `make test`: kill -9 at each step, zombies, restarts
	@STAKEWIRE_FAULT_ROUNDS=$${STAKEWIRE_FAULT_ROUNDS:-10} $(BIN)/python -m pytest -o faulthandler_timeout=1800 tests/faults

prove: $(DEVELOPMENT) ## the wallet against its model, far longer than in `make test`; the seed is printed
	@STAKEWIRE_MODEL_EXAMPLES=$${STAKEWIRE_MODEL_EXAMPLES:-20000} STAKEWIRE_MODEL_STEPS=$${STAKEWIRE_MODEL_STEPS:-100} \
	STAKEWIRE_HISTORIES=$${STAKEWIRE_HISTORIES:-100} \
	$(BIN)/python -m pytest -s -o faulthandler_timeout=0 tests/model tests/integration/wallet/test_same_histories.py

compose-env: ## make .env with random passwords, which docker-compose.yml needs (see docs/containers.md)
	@sh deploy/docker/make-env.sh .env

bench: $(DEVELOPMENT) ## measure throughput and latency against baselines: callbacks, then the wallet alone
	@callbacks=0; wallet=0; $(BIN)/python -m tests.bench || callbacks=$$?; [ $$callbacks -eq 130 ] && exit 130; \
	$(BIN)/python -m tests.bench.wallet || wallet=$$?; [ $$callbacks -eq 0 ] && exit $$wallet; exit $$callbacks

bench-wallet: $(DEVELOPMENT) ## measure the wallet alone, through Kafka, against two ledgers with one transaction a command
	@$(BIN)/python -m tests.bench.wallet

bench-catalogue: $(DEVELOPMENT) ## measure the catalogue with 20,000 games: syncs, lobby and lists, the gateway's memory
	@$(BIN)/python -m tests.bench.catalogue
	@$(BIN)/python -m tests.bench.lobby
	@$(BIN)/python -m tests.bench.game_book

bench-history: $(DEVELOPMENT) ## measure a player's history and the reports among 5 million operations
	@$(BIN)/python -m tests.bench.history

bench-tracing: $(DEVELOPMENT) ## measure what traces cost: none, one bet in a hundred, all
	@$(BIN)/python -m tests.bench.tracing

bench-live: $(DEVELOPMENT) ## measure what the live board costs: without viewers, with one, with 20
	@$(BIN)/python -m tests.bench.live_board

bench-backoffice: $(DEVELOPMENT) ## measure how fast the projections are made, against the callbacks of the same run
	@$(BIN)/python -m tests.bench.backoffice

tools-helm: ## install helm for the chart's tests into .tools/bin, unless it is on the PATH (needs Go, takes minutes once)
	@command -v helm >/dev/null || [ -x .tools/bin/helm ] || { \
	  command -v go >/dev/null || { echo "make tools-helm builds helm with Go, which is not here: install Go 1.24 or newer, or helm itself."; exit 1; }; \
	  GOFLAGS=-mod=mod GOBIN="$(CURDIR)/.tools/bin" nice -n 10 go install \
	    -ldflags "-s -w -X helm.sh/helm/v3/internal/version.version=$(HELM_VERSION)" helm.sh/helm/v3/cmd/helm@$(HELM_VERSION); }

chart: $(DEVELOPMENT) ## bring the Helm chart's copy of the alert rules and its golden files up to date
	@mkdir -p deploy/helm/stakewire/rules && rm -f deploy/helm/stakewire/rules/*.yml
	@cp deploy/prometheus/rules/*.yml deploy/helm/stakewire/rules/
	@STAKEWIRE_WRITE_GOLDEN=1 $(BIN)/python -m pytest -q tests/helm/test_chart.py -k golden

dashboards: $(DEVELOPMENT) ## write Grafana's dashboards from deploy/grafana/*.py
	@$(BIN)/python -m deploy.grafana

lint: $(DEVELOPMENT) ## ruff, mypy strict, import rules
	@$(BIN)/ruff check $(CHECKED)
	@$(BIN)/ruff format --check $(CHECKED)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(DEVELOPMENT) ## format the code and sort its imports
	@$(BIN)/ruff check --quiet --fix $(CHECKED) || true
	@$(BIN)/ruff format $(CHECKED)

lock: ## raise the locked requirements to the newest versions (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv, which resolves for all platforms at once: install it first."; exit 1; }
	uv pip compile --universal --generate-hashes --upgrade --python-version 3.11 --no-annotate requirements-dev.in -o requirements-dev.txt
	uv pip compile --universal --generate-hashes --python-version 3.11 --no-annotate -c requirements-dev.txt requirements.in requirements-local.in -o requirements-local.txt
	uv pip compile --universal --generate-hashes --python-version 3.11 --no-annotate -c requirements-dev.txt requirements.in -o requirements.txt

clean: ## stop everything, then delete the stack's data and all that was installed or cached here
	@if [ -x $(BIN)/stakewire ]; then $(BIN)/stakewire reset --yes; fi
	rm -rf $(VENV) .tools .run .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist *.egg-info
	find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +

# --- installation ---------------------------------------------------------------------------------------------------

install: $(RUNTIME)
install-dev: $(DEVELOPMENT)

# Both stamps hold what was installed last; nothing is fetched while the requirements stay as they are.
$(RUNTIME): requirements-local.txt pyproject.toml | $(BIN)/python
	@echo "Installing what Stakewire needs (once; about a minute) ..."
	@$(PIP) --quiet --require-hashes --requirement requirements-local.txt
	@$(PIP) --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(DEVELOPMENT): requirements-dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing what Stakewire and its tests need (once; about a minute) ..."
	@$(PIP) --quiet --require-hashes --requirement requirements-dev.txt
	@$(PIP) --quiet --no-deps --no-build-isolation --editable .
	@touch $(RUNTIME) $@

$(BIN)/python:
	@set -e; chosen=""; \
	for candidate in $(if $(PYTHON),"$(PYTHON)",python3 python3.14 python3.13 python3.12 python3.11); do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then chosen="$$candidate"; break; fi; \
	done; \
	if [ -z "$$chosen" ]; then \
	  echo "Stakewire needs Python 3.11 or newer, and found none$(if $(PYTHON), at PYTHON=$(PYTHON),)."; \
	  echo "Install one (for example your system's package python3.12), or name it: make run PYTHON=/path/to/python3"; exit 1; \
	fi; \
	if ! "$$chosen" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$chosen cannot make virtual environments: its modules venv and ensurepip are missing."; \
	  echo "Install them (on Debian and Ubuntu: the package python3-venv), or name another Python: make run PYTHON=..."; exit 1; \
	fi; \
	"$$chosen" -m venv $(VENV)
