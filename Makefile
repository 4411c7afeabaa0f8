# Everything a fresh clone needs: Python 3.11 or newer, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
RUN_TIME := $(VENV)/.run-time
TESTING := $(VENV)/.testing
UV ?= uv
RESOLVE := --universal --generate-hashes --no-header --no-annotate --quiet --upgrade
BENCHMARKS := $(foreach name,io hil mpc linear jitter endurance loops soft_sensor detect impurity record material console,$(wildcard benchmarks/$(name).py))

# Two cores are shared by the simulated plant, the controller and its solver; more threads only wait for each other.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1

.PHONY: help demo test setup check interop hil bench lock clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    shows it all on simulated PLCs, in about a minute (options: make demo ARGS=\"--for 10m\")"
	@echo "make test    runs the tests"
	@echo "make check   runs linters, type checkers and import contracts"
	@echo "make interop runs the tests against node-opcua, libmodbus and modbus-serial, and installs those first"
	@echo "make hil     plays every scenario, with a report under out/hil"
	@echo "make bench   runs every benchmark, with results under out/bench"
	@echo "make setup   only makes .venv with all that tests and benchmarks need"
	@echo "make lock    resolves the dependencies anew (needs uv); make clean removes .venv and out"

demo: $(RUN_TIME)
	@$(BIN)/steadyline demo $(ARGS)

test: $(TESTING)
	$(BIN)/python -m pytest -n 2 $(ARGS)

setup: $(TESTING)

check: $(TESTING)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-logo

interop: $(TESTING)
	-.ci/interop
	$(BIN)/python -m pytest -m interop -rs $(ARGS)

hil: $(TESTING)
	@mkdir -p out/hil
	$(BIN)/steadyline hil run --all --junit out/hil/junit.xml --html out/hil/report.html $(ARGS)

bench: $(TESTING)
	@mkdir -p out/bench
	@set -e; for file in $(BENCHMARKS); do \
		name=$$(basename $$file .py); \
		echo "benchmark $$name"; \
		$(BIN)/python -m benchmarks.$$name --json out/bench/$$name.json $(ARGS); \
	done

lock:
	$(UV) pip compile $(RESOLVE) --output-file requirements.lock pyproject.toml
	$(UV) pip compile $(RESOLVE) --extra test --constraints requirements.lock --output-file requirements-test.lock pyproject.toml

clean:
	rm -rf $(VENV) out tests/interop/node_modules

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Steadyline needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1 | head -n 1)." \
			"Name another one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(RUN_TIME): requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what Steadyline needs into $(VENV); this takes a minute or two the first time."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --editable .
	@touch $@

$(TESTING): requirements-test.lock requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what Steadyline and its tests need into $(VENV); this takes a minute or two the first time."
	@$(PIP) install --require-hashes -r requirements-test.lock
	@$(PIP) install --no-deps --editable .
	@touch $(RUN_TIME) $@
