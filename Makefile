# yoyak from a checkout. `make install`, then `make quickstart`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
export HF_HUB_DISABLE_TELEMETRY = 1

.PHONY: audit control-tokens coverage install quickstart quickstart-ko test test-long test-slow test-gpu fuzz lint types docs-examples
.PHONY: soak soak-kills rank-kills studio-walks test-flash test-oldest wheel-check gpu-wheels mutants bench bench-cpu bench-gpu bench-plan clean

install:
	VENV=$(VENV) PYTHON=$(PYTHON) TORCH_INDEX=$(TORCH_INDEX) scripts/install.sh

quickstart:
	$(BIN)/python -m src.cli quickstart

quickstart-ko:
	$(BIN)/python -m src.cli --lang ko quickstart --korean

# Two processes of one thread each: more of either than cores makes them wait for each other. Each takes tests that stand
# beside each other, so that what they share is made once. Compiled tests are kept: both processes would compile them all.
PYTEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist worksteal

test:
	$(PYTEST) -m "not slow and not long and not gpu"

test-long:  # what takes five seconds or more: killed ranks, walks through pages, memory that runs out
	$(PYTEST) -m long -o faulthandler_timeout=1200

coverage:  # counting lines takes nearly half as long again
	$(PYTEST) -m "not slow and not gpu" --cov --cov-report=term:skip-covered

test-slow:
	$(BIN)/python -m pytest -m slow -o faulthandler_timeout=5400

test-gpu:
	$(BIN)/python -m pytest -m gpu -o faulthandler_timeout=5400

FUZZ_SECONDS ?= 600
fuzz:  # each reader, the config loader, the server's schema; exit code 1 for any crash
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/fuzz.py --seconds $(FUZZ_SECONDS)

mutants:  # faults that no test notices; MUTANTS=50 for a sample, FOLDERS="planner data"; exit code 1 below 90% caught
	$(BIN)/python benchmarks/mutants/run.py $(FOLDERS) $(if $(MUTANTS),--sample $(MUTANTS))

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs-examples:
	$(BIN)/python scripts/docs_examples.py

audit:  # known vulnerabilities (needs PyPI), dangerous code, licences; pip install -e '.[audit]' first
	$(BIN)/python scripts/audit.py

control-tokens:  # 10,000 hostile rows for each family and each way into a model
	$(BIN)/python -m pytest -q -s -m slow -o faulthandler_timeout=5400 src/tests/security/test_control_tokens.py

soak-kills:  # KILLS=3 for a short form
	$(BIN)/python benchmarks/soak_kills.py $(if $(KILLS),--kills $(KILLS)) $(if $(OUT),--out $(OUT))

studio-walks:  # WALKS=2000 random walks of clicks over the studio's pages; exit code 1 for any fault
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/studio_walks.py $(if $(WALKS),--walks $(WALKS)) $(if $(SEED),--seed $(SEED))

test-flash:  # Flash Linear Attention's kernels in Triton's interpreter; elsewhere it must not be found without a GPU
	$(BIN)/python -m pip install -q --upgrade --target .flash --no-deps 'flash-linear-attention==0.6.0' 'fla-core==0.6.0' einops
	PYTHONPATH=.flash OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 src/tests/kernels/cuda/test_gated_delta_rule.py

# What overrides private methods of transformers, takes its modules apart, or loads and writes its models.
OLDEST := src/tests/decoder src/tests/models src/tests/inference src/tests/export src/tests/test_architectures.py
test-oldest:  # with the oldest transformers that is supported
	$(BIN)/python -m pip install -q --upgrade --target .oldest --no-deps 'transformers==5.17.*' 'huggingface_hub>=1.5,<2'
	PYTHONPATH=.oldest OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not gpu" src/tests/training src/tests/commands/train/test_resume.py
	PYTHONPATH=.oldest OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not gpu and not slow" $(OLDEST)

wheel-check:
	PYTHON=$(BIN)/python scripts/check_wheel.sh

gpu-wheels:
	PYTHON=$(BIN)/python scripts/gpu_wheels.sh .whl

bench:
	$(BIN)/python benchmarks/encode_speed.py
	$(BIN)/python benchmarks/rouge_speed.py
	$(BIN)/python benchmarks/evaluate_speed.py
	$(BIN)/python benchmarks/data_stats_speed.py
	$(BIN)/python benchmarks/plan_speed.py
	$(BIN)/python benchmarks/generation_speed.py cpu
	$(BIN)/python benchmarks/cpu_training.py

bench-cpu:
	$(BIN)/python benchmarks/cpu_training.py

bench-gpu:  # SHAPE=llama3_3b|qwen3_4b|llama3_8b EXAMPLES=FILE with token ids
	$(BIN)/python benchmarks/train_throughput.py $(SHAPE) --examples $(EXAMPLES) --out benchmarks/results/train_throughput.jsonl

rank-kills:  # of two processes on the CPU
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/rank_kills.py $(if $(KILLS),--kills $(KILLS)) $(if $(OUT),--out $(OUT))

soak:  # 2,000 steps; fails where memory or open files grow
	OMP_NUM_THREADS=2 $(BIN)/python benchmarks/soak.py

bench-plan:  # on a GPU: predicted against measured, then the table
	$(BIN)/python benchmarks/plan_accuracy.py measure
	$(BIN)/python benchmarks/plan_accuracy.py score

clean:
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
