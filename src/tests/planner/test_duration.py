"""Time of a step from its operations and bytes."""

from dataclasses import replace

import pytest

from src.architectures import LINEARS
from src.planner.constants import TIME, TimeConstants
from src.planner.devices import Device, find_device
from src.planner.duration import evaluation_seconds, saving_seconds, step_counts, step_time
from src.planner.job import Shards, TrainingJob
from src.planner.memory import Activations, MicroBatchSize
from src.planner.shapes import find_shape
from src.planner.step_work import StepWork

SHAPE = find_shape("Bllossom/llama-3.2-Korean-Bllossom-3B")[0]
JOB = TrainingJob(SHAPE, "qlora", "packed", "bf16", 16, LINEARS, 0.0, "adamw_torch", 8, 8, True, None)
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


def test_a_gated_delta_rule_takes_its_calls_for_each_level_and_micro_batch():
    """Qwen3.5-4B's 24 such layers, on an H200: a step of 64 examples in 10 micro-batches took 5.08 s."""
    job, device = replace(JOB, shape=find_shape("Qwen/Qwen3.5-4B")[0]), find_device("H200")
    work = StepWork(19_200, 18_600, 2900, 4_000_000, 9.9, MicroBatchSize(2048, 400, 12, 900), levels=2)
    assert step_time(job, device, work, Activations(27)).seconds == pytest.approx(5.08, rel=0.03)
    flash = step_time(replace(job, flash=True), device, work, Activations(27))
    assert flash.seconds == pytest.approx(5.08, rel=0.03)
    assert 0.12 < 1 - (flash.parts["launches"] + flash.parts["fixed"]) / flash.seconds < 0.32  # as busy as it was
    two, one = (step_counts(job, replace(work, levels=levels), ALL)["calls"] for levels in (2, 1))
    assert two - one == pytest.approx(9.9 * 24 * 350)
    again = step_counts(job, replace(work, micro_batches=5), ALL)["calls"]
    assert two - again == pytest.approx(4.9 * (24 * 700 + 32 * 60 * (1 + 0.4 * 4 / 32)))
    on_cpu = [step_counts(replace(job, cpu=True), replace(work, levels=levels), ALL)["calls"] for levels in (2, 1)]
    assert on_cpu[0] == on_cpu[1] < one
    plain = [step_counts(JOB, replace(work, levels=levels), ALL) for levels in (2, 1)]
    assert plain[0] == plain[1]


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


ROUND = TimeConstants(
    product_share=0.5,
    product_half=500,
    float8_speedup=2,
    rounding_share=0.5,
    attention_share=0.25,
    adapter_share=0.2,
    pass_share=0.5,
    packed_passes=2,
    trainer_passes=3,
    packed_layer=1e-4,
    launch=1e-5,
    overlap=1,
    step=0.002,
    evaluation_share=0.5,
    disk=2e9,
)
CARD = Device("round", 80 << 30, 2e12, 1e15, bf16=True, source="this test")
PARAMETERS = 2_818_572_288
ADAPTERS = 28 * 16 * 54_272
"""Values of A and B of rank 16: inputs and outputs of a layer's seven matrices are 54,272 together."""


def test_a_step_of_the_packed_engine_by_hand():
    parts = step_time(JOB, CARD, WORK, ALL, ROUND).parts
    assert parts == pytest.approx(
        {
            "products": 4 * PARAMETERS * (20_000 + 2 * 500) / 5e14,
            "attention": 14 * 4_000_000 * 3072 * 28 / 2.5e14,
            "adapters": 6 * ADAPTERS * 20_000 / 2e14,
            "head": 4 * 3000 * 128_256 * 3072 / 4e14,
            # 20 passes of the width 3072, 6 of the 5120 columns, 10 of the MLP's 8192, in bf16
            "elementwise": 2 * 2 * (20 * 3072 + 6 * 5120 + 10 * 8192) * 20_000 * 28 / 1e12,
            "rounding": 0,
            "dequantization": 2 * PARAMETERS * (0.53 + 2) * 2 / 1e12,
            # seven passes over the gradients in float32, two over as many values of both states
            "optimizer": (7 * 4 + 2 * 8) * ADAPTERS / 1e12,
            "launches": (2 * 40 + 60) * 1e-5,
            "fixed": 0.002 + 2 * 28 * 1e-4,
        }
    )
    assert step_time(JOB, CARD, WORK, ALL, ROUND).seconds == pytest.approx(sum(parts.values()))


def test_a_step_in_8_bit_by_hand():
    usual, parts = (step_time(job, CARD, WORK, ALL, ROUND).parts for job in (JOB, replace(JOB, float8=True)))
    assert parts["products"] == pytest.approx(usual["products"] / 2)
    assert parts["dequantization"] == 0
    # a read in bf16 and a write of a byte: inputs 2 x 3072 + 3072 + 8192, gradients 5120 + 2 x 3072 + 2 x 8192
    assert parts["rounding"] == pytest.approx(3 * (17_408 + 27_648) * 20_000 * 28 / 1e12)


def test_a_step_that_computes_half_of_the_layers_again():
    counts = step_counts(JOB, WORK, Activations(14))
    without_down = PARAMETERS - 28 * 8192 * 3072
    assert counts["products"] == 2 * (2 * PARAMETERS + without_down / 2) * 20_000
    assert counts["attention"] == (4 * 1.5 + 10) * 4_000_000 * 3072 * 28
    assert counts["adapters"] == 2 * ADAPTERS * 20_000 * 3.5
    forward, backward = 8 * 3072 + 2 * 5120 + 3 * 8192, 12 * 3072 + 4 * 5120 + 7 * 8192
    assert counts["passes"] == 2 * (1.5 * forward + backward) * 20_000 * 28
    assert step_counts(replace(JOB, method="lora"), WORK, ALL)["dequantization"] == 0  # weights of 16 bit
    dropped = step_counts(replace(JOB, dropout=0.1), WORK, Activations(14))
    assert dropped["passes"] - counts["passes"] == 2 * 4 * 26_624 * 20_000 * 28  # inputs of the seven matrices


def test_passes_under_autograd_by_hand():
    def columns(**changes: object) -> float:
        return step_counts(replace(JOB, engine="trainer", **changes), WORK, ALL)["passes"] / (20_000 * 28 * 2)

    plain = 30 * 3072 + 12 * 5120 + 5 * 8192 + 40 * 3072 + 16 * 5120 + 9 * 8192
    inputs, outputs = 26_624, 27_648  # of the seven matrices
    assert columns(method="qlora") == plain + 8 * outputs + 2 * outputs + 3 * inputs
    assert columns(method="lora") == plain + 6 * outputs + 2 * outputs + (3 + 12) * inputs
    assert columns(method="full") == plain
    assert columns(method="qlora", dropout=0.1) - columns(method="qlora") == 2 * 2.5 * inputs
    assert columns(method="lora", dropout=0.1) - columns(method="lora") == 2 * 4.5 * inputs


def test_calls_by_hand():
    trainer = replace(JOB, engine="trainer", method="qlora")
    assert step_counts(trainer, WORK, ALL)["calls"] == 2 * 28 * 390 + 60
    assert step_counts(trainer, WORK, Activations(0))["calls"] == pytest.approx(2 * 28 * 390 * 1.65 + 60)
    assert step_counts(replace(trainer, dropout=0.1), WORK, ALL)["calls"] == 2 * 28 * (390 + 7 * 10) + 60
    qwen = replace(trainer, shape=replace(SHAPE, kind="qwen3"))
    assert step_counts(qwen, WORK, ALL)["calls"] == 2 * 28 * (390 + 2 * 16) + 60
    # what optimizers of bitsandbytes call is beside nothing: see below
    assert step_counts(replace(JOB, optimizer="paged_adamw_8bit"), WORK, ALL)["calls"] == 2 * 40
    large = replace(WORK, largest=MicroBatchSize(20_000, 1500, 32, 800))  # too large for a graph
    assert step_counts(JOB, large, ALL)["calls"] == 2 * 28 * 60 + 60
    assert step_counts(JOB, large, Activations(0))["calls"] == 2 * 28 * 60 * 1.4 + 60
    assert step_counts(replace(JOB, float8=True), large, ALL)["calls"] == 2 * 28 * 68 + 60


def test_bitsandbytes_waits_for_the_gpu_at_each_tensor():
    """Of SmolLM2-135M's 30 x 7 x 2, measured on an H200: 39.8 ms more than torch's fused AdamW."""
    small = replace(JOB, shape=find_shape("bundled:smollm2-135m")[0], method="lora")
    device = find_device("H200")
    fused, waiting, torchs = (
        step_time(replace(small, optimizer=name), device, WORK, Activations(30)).parts["optimizer"]
        for name in ("adamw_torch_fused", "adamw_bnb_8bit", "adamw_torch")
    )
    assert 420 * TIME.optimizer_wait == pytest.approx(0.0378)
    assert waiting - fused == pytest.approx(0.0378, rel=0.01)
    assert torchs == pytest.approx(fused, rel=0.01)


def test_cards_that_share_a_step_wait_for_the_slowest():
    alone, shared = (step_time(replace(JOB, cards=cards), find_device("H200"), WORK, ALL) for cards in (1, 2))
    assert shared.seconds - alone.seconds == pytest.approx(TIME.several)


def test_what_fsdp_does_besides_by_hand():
    whole = replace(JOB, method="full", engine="trainer")
    cut = replace(whole, shards=Shards(4, 1e9, 0.001))
    counts, before = step_counts(cut, WORK, ALL), step_counts(whole, WORK, ALL)
    table = 128_256 * 3072  # tied
    # what is gathered is read and written in 2 bytes, twice of layers, gradients are read in 2 and written in 4
    assert counts["copies"] == 2 * (PARAMETERS * (8 + 6) + table * (4 + 6))
    assert counts["calls"] - before["calls"] == 2 * 28 * 250 + 20 * len(cut.trained_tensors) - 60
    assert counts["optimizer"] == 20 * 2 * cut.trained / 4
    # gathered twice in 2 bytes and reduced in 4, three of four parts from others at 1 GB/s
    sent = 2 * (0.75 * (PARAMETERS * 8 + table * 6) / 1e9 + 0.001 + 3 * 28 * 0.001)
    assert step_time(cut, find_device("H200"), WORK, ALL).parts["gathering"] == pytest.approx(sent)


def test_gradients_of_whole_weights_are_added_for_each_micro_batch():
    def gradients(**changes: object) -> float:
        job = replace(JOB, method="full", optimizer="adafactor", **changes)
        counts = step_counts(job, WORK, ALL)["optimizer"]
        return counts - 2 * sum(8 * int(values**0.5) for values in job.trained_tensors)

    trained = PARAMETERS + 128_256 * 3072 + 28 * 2 * 3072 + 3072  # with one table and the norms, in bf16
    assert gradients() == (3 + 4 + 2 * 2) * trained * 2
    assert gradients(engine="trainer") == 3 * trained * 2


def test_calls_and_kernels_overlap():
    """Where both take long, they take the square root of the sum of squares with an overlap of 2."""
    counts = step_time(JOB, CARD, WORK, ALL, ROUND).parts
    kernels = sum(counts.values()) - counts["launches"] - counts["fixed"]
    slow = replace(CARD, launch=kernels * 3 / 4 / 140)  # seconds of a call, of which there are 140
    waited = step_time(JOB, slow, WORK, ALL, replace(ROUND, overlap=2)).parts["launches"]
    assert waited == pytest.approx(kernels / 4)  # 3, 4, 5


def test_what_a_device_was_measured_at_is_taken():
    usual = step_time(JOB, CARD, WORK, ALL, ROUND).parts
    measured = replace(CARD, attention_share=0.5, adapter_share=0.4, product_half=1000, launch=2e-5)
    parts = step_time(JOB, measured, WORK, ALL, ROUND).parts
    assert parts["attention"] == pytest.approx(usual["attention"] / 2)
    assert parts["adapters"] == pytest.approx(usual["adapters"] / 2)
    assert parts["launches"] == pytest.approx(usual["launches"] * 2)
    assert parts["products"] == pytest.approx(usual["products"] * 22_000 / 21_000)


def test_evaluation_and_saving_by_hand():
    flops, padded = 2 * PARAMETERS * 200_000 + 2 * 20_000 * 128_256 * 3072, replace(JOB, engine="trainer")
    assert evaluation_seconds(padded, CARD, 200_000, 20_000, 60, ROUND) == pytest.approx(flops / 2.5e14)
    assert evaluation_seconds(JOB, CARD, 200_000, 20_000, 60, ROUND) == pytest.approx(flops / 5e14)
    measured = replace(CARD, product_share=0.25)
    assert evaluation_seconds(padded, measured, 200_000, 20_000, 60, ROUND) == pytest.approx(flops / 1.25e14)
    # a thousand batches of 28 layers, a third of 390 (packed 60) calls each: the card waits
    assert evaluation_seconds(padded, CARD, 200_000, 20_000, 1000, ROUND) == pytest.approx(1000 * 28 * 130 * 1e-5)
    assert evaluation_seconds(JOB, CARD, 200_000, 20_000, 5000, ROUND) == pytest.approx(5000 * 28 * 20 * 1e-5)
    assert saving_seconds(JOB, ROUND) == pytest.approx(ADAPTERS * (4 + 8) / 2e9)
