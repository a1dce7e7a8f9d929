"""Time of a step from its operations and bytes."""

from dataclasses import replace

import pytest

from src.planner.constants import TIME
from src.planner.devices import find_device
from src.planner.duration import evaluation_seconds, saving_seconds, step_counts, step_time
from src.planner.job import Job
from src.planner.memory import Activations, MicroBatchSize
from src.planner.shapes import LINEARS, find_shape
from src.planner.steps import StepWork

SHAPE = find_shape("Bllossom/llama-3.2-Korean-Bllossom-3B")[0]
JOB = Job(SHAPE, "qlora", "packed", "bf16", 16, LINEARS, 0.0, "adamw_torch", 8, 8, True, None)
WORK = StepWork(20_000, 19_000, 3000, 4_000_000, 2.0, MicroBatchSize(10_000, 1500, 32, 800))
ALL = Activations(28)


def test_operations_in_numbers():
    parameters = 28 * (3072 * 3072 * 2 + 3072 * 1024 * 2 + 3 * 3072 * 8192)
    assert SHAPE.linear_parameters == parameters == 2_818_572_288
    counts = step_counts(JOB, WORK, ALL)
    assert counts["products"] == 2 * 2 * parameters * 20_000
    assert counts["rows"] == 2 * 2 * parameters * 2
    assert counts["attention"] == 14 * 4_000_000 * 3072 * 28
    assert counts["head"] == 2 * 2 * 3000 * 128256 * 3072
    again = step_counts(JOB, WORK, Activations(0))
    without_down = parameters - 28 * 8192 * 3072
    assert again["products"] == 2 * (2 * parameters + without_down) * 20_000
    whole = step_counts(replace(JOB, method="full", engine="trainer"), WORK, ALL)
    assert whole["products"] == 2 * 3 * parameters * 20_000
    assert whole["dequantization"] == whole["adapters"] == 0
    packed = step_counts(replace(JOB, method="full"), WORK, Activations(0))
    assert packed["products"] == 2 * (3 * parameters + without_down) * 20_000
    assert packed["head"] == 2 * 3 * 3000 * 128256 * 3072
    adapted = step_counts(replace(JOB, method="lora", rank=0), WORK, Activations(0))
    assert packed["passes"] - adapted["passes"] == 20_000 * 28 * 2 * 4 * 3072  # the gradients of two norms


def test_larger_micro_batches_and_less_recomputation_are_faster():
    device = find_device("H100")
    usual = step_time(JOB, device, WORK, ALL).seconds
    assert step_time(JOB, device, replace(WORK, micro_batches=8.0), ALL).seconds > 1.05 * usual
    assert step_time(JOB, device, WORK, Activations(0)).seconds > 1.2 * usual
    assert step_time(JOB, find_device("L4"), WORK, ALL).seconds > 5 * usual


def test_measured_shares_of_a_device_come_before_the_constants():
    device = find_device("H100")
    half = replace(device, product_share=TIME.product_share / 2)
    usual, slower = (step_time(JOB, card, WORK, ALL).parts["products"] for card in (device, half))
    assert slower == pytest.approx(2 * usual)


def test_small_models_wait_for_launches_under_autograd():
    small = replace(JOB, shape=find_shape("bundled:smollm2-135m")[0], engine="trainer", method="full")
    assert step_time(small, find_device("H100"), WORK, ALL).parts["launches"] > 0.01
    assert step_time(JOB, find_device("T4"), WORK, ALL).parts["launches"] < 1e-6


def test_evaluation_and_saving():
    device = find_device("H100")
    assert evaluation_seconds(JOB, device, 200_000, 20_000, 60) > evaluation_seconds(JOB, device, 100_000, 10_000, 30)
    # float32 adapters and two states of as much
    assert saving_seconds(JOB) == pytest.approx(JOB.trained * 12 / TIME.disk, rel=0.01)
