# yoyak from a checkout. `make install`, then `make quickstart`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
export HF_HUB_DISABLE_TELEMETRY = 1

.PHONY: install quickstart quickstart-ko test test-slow test-gpu lint types wheel-check gpu-wheels bench clean

install:
	VENV=$(VENV) PYTHON=$(PYTHON) TORCH_INDEX=$(TORCH_INDEX) scripts/install.sh

quickstart:
	$(BIN)/python -m src.cli quickstart

quickstart-ko:
	$(BIN)/python -m src.cli quickstart --korean

test:
	$(BIN)/python -m pytest -m "not slow and not gpu" --cov --cov-report=term:skip-covered

test-slow:
	$(BIN)/python -m pytest -m slow

test-gpu:
	$(BIN)/python -m pytest -m gpu

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

wheel-check:
	PYTHON=$(BIN)/python scripts/check_wheel.sh

gpu-wheels:
	PYTHON=$(BIN)/python scripts/gpu_wheels.sh .whl

bench:
	$(BIN)/python benchmarks/encode_speed.py
	$(BIN)/python benchmarks/rouge_speed.py
	$(BIN)/python benchmarks/cpu_training.py

clean:
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
