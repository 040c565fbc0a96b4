# Everything a newcomer types. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
LOCK_OPTIONS := -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url

.DEFAULT_GOAL := help
.PHONY: help install images demo serve test test-e2e test-contract test-real test-charts test-matrix test-browser soak bench lint lock clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# One stamp: installing again costs nothing until a lock or the project's metadata changes.
install: $(VENV)/.installed images ## .venv with magnumhub and the sandbox's images

$(VENV)/.installed: locks/dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not there; magnumhub needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "magnumhub needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Another: make PYTHON=python3.12 ..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Installing into $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install -q uv==$(UV_VERSION)
	@$(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes locks/dev.txt
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

images: $(VENV)/.installed ## the Python environments that the sandbox's pods run in
	@$(BIN)/python -m sandbox.images

SANDBOX := .sandbox

demo: install ## a hub with Dask on a cloud on this machine, from nothing; leaves it running
	@echo "A cloud on this machine, in $(SANDBOX)"
	@$(BIN)/magnumhub sandbox up --state $(SANDBOX) >/dev/null
	OS_CLIENT_CONFIG_FILE=$(SANDBOX)/clouds.yaml $(BIN)/magnumhub provision $(SANDBOX)/sites/heat.yaml
	OS_CLIENT_CONFIG_FILE=$(SANDBOX)/clouds.yaml $(BIN)/magnumhub check $(SANDBOX)/sites/heat.yaml
	@$(BIN)/python examples/tour.py --state $(SANDBOX)

serve: install ## Prefect's UI with a worker: for deployments/sites, or a cloud on this machine where no site is there yet
	$(BIN)/magnumhub serve $(if $(wildcard deployments/sites/*.yaml),,--sandbox $(SANDBOX))

test: install ## the tests; need neither root nor, once installed, a network
	$(BIN)/pytest -n 3 --dist loadfile tests/unit tests/integration tests/sandbox tests/e2e/test_provision.py

test-e2e: install ## every flow from the command line and from Prefect, on a whole sandbox (no root, no network)
	$(BIN)/pytest -n 2 --dist loadfile tests/e2e

test-contract: install ## the sandbox against real services, where the environment names them (CONTRIBUTING.md)
	$(BIN)/pytest tests/contract

test-real: install ## the whole runbook on real services: MAGNUMHUB_TEST_CLOUD is a clouds.yaml entry (tests/real/conftest.py)
	$(BIN)/pytest tests/real --timeout 900

test-matrix: ## kills, faults, repeats; PART=provision, check, redeploy or teardown runs one part
	$(BIN)/pytest -n 2 --dist loadfile tests/matrix $(if $(PART),-k $(PART))

test-browser: install ## Prefect's UI with a sandbox behind it, driven by Chromium (apt install chromium; CHROMIUM names another)
	$(BIN)/pytest tests/browser --timeout 900

soak: ## 100 checks in a row in one process, its memory measured
	MAGNUMHUB_TEST_CHECKS=100 $(BIN)/pytest -s tests/matrix/test_check_repeats.py

test-charts: install ## real charts: MAGNUMHUB_TEST_CHARTS is a folder of archives, MAGNUMHUB_TEST_KUBECONFIG leads to an API
	$(BIN)/pytest -rs tests/charts

bench: ## what the README's figures come from
	$(BIN)/python -m benchmarks.provision

lock: export UV_CUSTOM_COMPILE_COMMAND = make lock
lock: ## pin every dependency again, with hashes and without naming an index
	$(BIN)/uv pip compile pyproject.toml $(LOCK_OPTIONS) --extra sandbox --extra dev -o locks/dev.txt
	$(BIN)/uv pip compile pyproject.toml $(LOCK_OPTIONS) -c locks/dev.txt -o locks/runtime.txt
	cd sandbox/images && for wanted in *.in; do \
	  ../../$(BIN)/uv pip compile $$wanted $(LOCK_OPTIONS) --no-annotate -o $${wanted%.in}.txt || exit 1; done

lint: ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean: ## end the sandbox and everything that runs in it
	@test ! -x $(BIN)/python || $(BIN)/python -m sandbox down --state $(SANDBOX)
	rm -rf $(SANDBOX)
