"""The planner beside what was measured on H200s, one and several."""

import json
from pathlib import Path
from typing import Any

import pytest

from src.config import load_config
from src.planner.cluster import chosen_cluster
from src.planner.devices import find_device
from src.planner.fastest import Workload, compute_as
from src.planner.lengths import Lengths, shipped_lengths
from src.planner.memory import Activations
from src.planner.plan import Situation, make_plan
from src.planner.shapes import find_shape, shape_of_config
from src.tests.planner.test_sharding import LLAMA_3_70B

RESULTS = Path(__file__).resolve().parents[3] / "benchmarks" / "results" / "plan_measured.jsonl"
ROWS = [row for row in map(json.loads, RESULTS.read_text(encoding="utf-8").splitlines()) if "cards" in row]
MEMORY, TIME, STEPS = 0.07, 0.06, 32


def planned(row: dict[str, Any]) -> tuple[float, float]:
    """Return the planner's peak in bytes and seconds of a step, computed as the run was."""
    settings = ["evaluation.generate=false", "tokenizer.encoder_max_len=4096", "training.gradient_checkpointing=auto"]
    config = load_config("llama_3.2_3b", [*settings, *row["settings"]])
    tokens, targets = row.get("example", (0, 0))
    lengths = Lengths([tokens - targets] * 64, [targets] * 64, "") if tokens else shipped_lengths("llama3")
    large, device = row["shape"] == "llama_3_70b", find_device(row["device"])
    shape = shape_of_config(LLAMA_3_70B, "a model") if large else find_shape(row["shape"])[0]
    config.training.max_steps = STEPS
    cluster = chosen_cluster(row["cards"], 1, None, None, device.name)
    plan = make_plan(Situation(config, shape, lengths, None, device, cluster))
    choice = plan.choice
    if "micro_batch_tokens" in row:
        load = Workload(lengths.examples(4096), config.training.seed, STEPS, common=row.get("common", 0))
        how = Activations(row["kept_layers"], row["keeps_inputs"], row.get("waits", True))
        choice = compute_as(choice.job, load, device, how, row["micro_batch_tokens"])
    return choice.memory.peak_bytes, choice.time.seconds + plan.all_reduce_seconds


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["case"])
def test_memory_and_time_are_near_what_was_measured(row: dict[str, Any]) -> None:
    peak, seconds = planned(row)
    assert seconds == pytest.approx(row["step_seconds"][0], rel=TIME)
    if row["peak_bytes"] is not None:
        assert peak == pytest.approx(row["peak_bytes"], rel=MEMORY)
