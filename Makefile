PYTHON ?= python3
VENV := .venv/bin/python

.PHONY: run test test-long gpu lint format venv

# Sets everything up and runs the benchmark once: on LVIS if it is there, else on the embedded data set.
run: venv
	$(VENV) -m lt_bench run --loss ecm --backbone r50 --schedule 1x

# Sets everything up and passes the tests.
test: venv lint
	$(VENV) -m pytest

# The property tests with twenty times as many examples, new ones each time.
test-long: venv
	$(VENV) -m pytest tests/losses/test_formulas.py --hypothesis-profile long

# Sets everything up and checks it on the GPU.
gpu: venv
	$(VENV) -m lt_bench selftest --device cuda

lint: venv
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy
	$(VENV) -m mypy benchmarks

format: venv
	$(VENV) -m ruff format .
	$(VENV) -m ruff check --fix .

venv:
	@$(PYTHON) tools/set_up.py
