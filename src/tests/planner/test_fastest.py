"""What a processor that computes two micro-batches at a time is planned to take."""

import random
from dataclasses import replace

import pytest

from src.architectures import LINEARS
from src.data.batches.bins import assign_to_bins
from src.planner.devices import Device, find_device
from src.planner.fastest import (
    SIZES,
    Choice,
    MemoryLimits,
    Workload,
    bounded_size,
    compute_as,
    fastest_choice,
    largest_step,
    unpaged,
)
from src.planner.job import TrainingJob
from src.planner.memory import (
    Activations,
    Memory,
    MicroBatchSize,
    optimizer_bytes,
    packed_parts,
    steady_parts,
    total_memory,
)
from src.planner.model_shape import ModelShape
from src.planner.shapes import find_shape
from src.planner.step_work import packed_work

SHAPE = ModelShape("llama", 64, 48, 112, 3, 4, 2, 16, True)
JOB = TrainingJob(SHAPE, "lora", "packed", "fp32", 4, LINEARS, 0.0, "adamw_torch", 8, 1, True, None, cpu=True)
PROCESSOR = Device("processor", 8 << 30, 20e9, 60e9, bf16=False, source="this test", cpu=True)


def drawn(seed: int, count: int) -> tuple[tuple[int, int], ...]:
    rng = random.Random(seed)
    return tuple((rng.choice((rng.randint(30, 90), rng.randint(30, 900))), 5) for _ in range(count))


@pytest.mark.parametrize("common", [0, 24])
@pytest.mark.parametrize("seed", range(20))
def test_no_micro_batch_is_larger_than_the_bound_of_a_step(seed: int, common: int):
    load = Workload(drawn(seed, JOB.examples), seed, steps=1, common=common)
    own = [length - common for length, _ in load.examples]
    bins = assign_to_bins(own, 10_000 - common, JOB.side_by_side)
    largest = max(common + sum(own[index] for index in chosen) for chosen in bins)
    assert largest <= largest_step(JOB, load) <= common + sum(own)


def test_both_micro_batches_of_a_processor_are_counted():
    load = Workload(((200, 5),) * 8, seed=1, steps=4)
    ours = compute_as(JOB, load, PROCESSOR, Activations(0), 512)
    assert (ours.work.micro_batches, ours.work.largest.tokens) == (4, 400)  # of 1600 tokens in at most 512 each
    one = packed_parts(JOB, ours.work.largest, Activations(0))
    steady = steady_parts(JOB)
    adds = {name: count for name, count in ours.memory.parts.items() if name in one}
    assert adds == {name: 2 * count for name, count in one.items()}
    assert adds.keys() - steady.keys(), "micro-batches add something"
    assert ours.memory.peak_bytes == sum(adds.values()) + sum(steady[name] for name in steady.keys() - adds.keys())


def test_where_all_weights_train_there_is_one_micro_batch_at_a_time():
    assert replace(JOB, method="full").side_by_side == 1
    assert replace(JOB, engine="trainer").side_by_side == 1
    assert replace(JOB, cpu=False).side_by_side == 1


QLORA = TrainingJob(
    find_shape("Bllossom/llama-3.2-Korean-Bllossom-3B")[0],
    *("qlora", "packed", "bf16", 16, LINEARS, 0.0, "adamw_torch", 8, 8, None, None),
)
H100 = find_device("H100")
LOAD = Workload(drawn(1, 256), 1, steps=4)
"""Four steps of 64 examples, few enough that all of them are laid out for every size."""
ANY = MemoryLimits(1e15, 1e15)


def every_way(job: TrainingJob, load: Workload, limits: MemoryLimits) -> list[Choice]:
    """All sizes and layers, within the limits, the slow way."""
    layers = job.shape.layers
    hows = [
        Activations(kept, inputs)
        for kept in (0, *range(2, layers + 1))
        for inputs in ((True, False) if kept else (False,))
    ]
    ways = [compute_as(job, load, H100, how, size) for size in SIZES for how in hows]
    return [way for way in ways if limits.allow(way.memory)]


@pytest.mark.parametrize("gigabytes", [4.5, 6, 9, 80])
def test_the_choice_is_about_the_fastest_that_fits_and_computes_least_again(gigabytes):
    limits = MemoryLimits(1e15, gigabytes * 1e9)
    best, fits = fastest_choice(QLORA, LOAD, H100, limits)
    assert fits
    assert limits.allow(best.memory)
    ways = every_way(QLORA, LOAD, limits)
    fastest = min(way.time.seconds for way in ways)
    assert best.time.seconds <= 1.04 * fastest
    as_fast = [way for way in ways if way.time.seconds <= 1.04 * fastest]
    assert best.how.kept_layers == max(way.how.kept_layers for way in as_fast)


def test_an_adapter_that_fits_without_paging_is_not_paged():
    paged = replace(QLORA, rank=64, optimizer="paged_adamw_32bit")
    roomy, _ = fastest_choice(paged, LOAD, H100, ANY, 4_000_000_000)
    own, _ = fastest_choice(replace(paged, optimizer="adamw_torch_fused"), LOAD, H100, ANY, 4_000_000_000)
    states = [optimizer_bytes(replace(paged, optimizer=name))[0] for name in ("adamw_torch_fused", paged.optimizer)]
    more = states[0] - states[1]
    assert roomy.job == own.job
    assert roomy.memory.peak_bytes == own.memory.peak_bytes + more > own.memory.peak_bytes + 300e6
    for job in (replace(paged, method="full"), replace(paged, engine="trainer"), replace(paged, cpu=True), QLORA):
        assert unpaged(job) is None
    eight = replace(paged, optimizer="paged_adamw_8bit")
    assert fastest_choice(eight, LOAD, H100, ANY)[0].job == eight


def test_where_memory_is_short_states_are_paged():
    paged = replace(QLORA, rank=64, optimizer="paged_adamw_32bit")
    least, _ = fastest_choice(paged, LOAD, H100, MemoryLimits(1, 1e15))
    assert least.job == paged
    tight = MemoryLimits(least.memory.peak_bytes, 1e15)
    choice, fits = fastest_choice(paged, LOAD, H100, tight)
    assert (choice.job, fits) == (paged, True)
    assert not fastest_choice(replace(paged, optimizer="adamw_torch_fused"), LOAD, H100, tight)[1]


def test_where_nothing_fits_the_choice_takes_least():
    least, fits = fastest_choice(QLORA, LOAD, H100, MemoryLimits(1e15, 1e9))
    assert not fits
    assert least.memory.device_bytes == min(way.memory.device_bytes for way in every_way(QLORA, LOAD, ANY))
    assert least.checkpointing == "all layers"


def test_a_run_fits_within_both_limits_only():
    memory = Memory({}, 100, 150)
    assert MemoryLimits(100, 150).allow(memory)
    assert not MemoryLimits(99, 150).allow(memory)
    assert not MemoryLimits(100, 149).allow(memory)


def test_what_settings_say_is_kept():
    roomy, _ = fastest_choice(QLORA, LOAD, H100, ANY)
    assert (roomy.how.kept_layers, roomy.checkpointing) == (28, "inputs of products kept too")
    sized, _ = fastest_choice(replace(QLORA, micro_batch_tokens=2048), LOAD, H100, ANY)
    assert (sized.micro_batch_tokens, sized.work.largest.tokens) == (2048, 2048)
    tight = MemoryLimits(1e15, 5e9)
    kept, fits = fastest_choice(replace(QLORA, micro_batch_tokens=8192, checkpointing=False), LOAD, H100, tight)
    assert (kept.how.kept_layers, fits) == (28, False)
    partly, fits = fastest_choice(replace(QLORA, micro_batch_tokens=8192), LOAD, H100, MemoryLimits(1e15, 9e9))
    assert fits
    assert 1 < partly.how.kept_layers < 28
    assert partly.checkpointing == f"{28 - partly.how.kept_layers} of 28 layers"
    one_more = Activations(partly.how.kept_layers + 1, partly.how.keeps_inputs)
    assert not MemoryLimits(1e15, 9e9).allow(compute_as(QLORA, LOAD, H100, one_more, 8192).memory)


def test_the_trainer_engine_keeps_layers_where_they_fit():
    trainer = replace(QLORA, engine="trainer")
    kept, _ = fastest_choice(trainer, LOAD, H100, ANY)
    assert (kept.how.kept_layers, kept.micro_batch_tokens, kept.checkpointing) == (28, None, "none")
    again, _ = fastest_choice(replace(trainer, checkpointing=True), LOAD, H100, ANY)
    assert (again.how.kept_layers, again.checkpointing) == (0, "all layers")
    assert again.memory.peak_bytes < kept.memory.peak_bytes
    assert again.time.seconds > kept.time.seconds
    tight, fits = fastest_choice(trainer, LOAD, H100, MemoryLimits(kept.memory.peak_bytes - 1, 1e15))
    assert (tight.how.kept_layers, fits) == (0, True)
    assert not fastest_choice(
        replace(trainer, checkpointing=False), LOAD, H100, MemoryLimits(kept.memory.peak_bytes - 1, 1e15)
    )[1]


def test_an_evaluation_batch_counts():
    usual, _ = fastest_choice(QLORA, LOAD, H100, ANY)
    held = replace(LOAD, evaluation=MicroBatchSize(2_000_000, 1000, 8, 250_000))
    larger, _ = fastest_choice(QLORA, held, H100, ANY)
    assert usual.memory.parts.get("evaluation", 0) == 0
    # a layer of 2,000,000 tokens in bf16, 4 x 3072 and 3 x 8192 columns, and cuBLAS's workspace
    assert larger.memory.parts["evaluation"] == 2_000_000 * (4 * 3072 + 3 * 8192) * 2 + 33_600_000


def test_the_bound_of_steps_that_were_not_laid_out():
    """Up to the capacity, or what a whole step has, in whole multiples of 256 (512 for large ones)."""
    few = MicroBatchSize(100, 5, 4, 50)
    assert bounded_size(few, 4096, 1000) == MicroBatchSize(1024, 5, 4, 50)
    assert bounded_size(few, 1536, 10_000).tokens == 1536
    assert bounded_size(few, 8192, 5000).tokens == 5120
    assert (
        bounded_size(MicroBatchSize(2000, 5, 4, 50), 1536, 1000).tokens == 2000
    )  # an example longer than the capacity


def test_a_long_step_late_in_the_run_fits_too():
    """Of 100 steps the 60th has all the long examples; six are laid out to choose."""
    order = list(range(800))
    random.Random("1/0").shuffle(order)  # the order of training's first epoch
    late = set(order[8 * 59 : 8 * 60])
    load = Workload(tuple((900, 20) if index in late else (40, 20) for index in range(800)), 1, steps=100)
    job = replace(QLORA, accumulation=1)
    limits = MemoryLimits(1e15, 4.4e9)
    choice, fits = fastest_choice(job, load, H100, limits)
    assert fits
    whole = packed_work(load.examples, 8, choice.micro_batch_tokens, 1, 100)
    assert whole.largest.longest == 900
    assert limits.allow(total_memory(job, packed_parts(job, whole.largest, choice.how), whole.largest.tokens))
    short, _ = fastest_choice(job, replace(load, steps=6), H100, limits)
    assert short.how.kept_layers > choice.how.kept_layers, "the long step decides"
