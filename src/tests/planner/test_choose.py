"""What a processor that computes two micro-batches at a time is planned to take."""

import random
from dataclasses import replace

import pytest

from src.data.bins import assign_to_bins
from src.planner.choose import Workload, _step_tokens, compute_as
from src.planner.devices import Device
from src.planner.job import Job
from src.planner.memory import Activations, packed_parts, steady_parts
from src.planner.shapes import LINEARS, ModelShape

SHAPE = ModelShape("llama", 64, 48, 112, 3, 4, 2, 16, True)
JOB = Job(SHAPE, "lora", "packed", "fp32", 4, LINEARS, 0.0, "adamw_torch", 8, 1, True, None, cpu=True)
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
    assert largest <= _step_tokens(JOB, load, 10_000) <= common + sum(own)


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
