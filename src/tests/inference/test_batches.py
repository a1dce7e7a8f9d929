"""Batches: what goes together, what the budget allows, and what happens when memory runs out."""

import logging

import pytest
import torch

from src.errors import YoyakError
from src.inference import batches, try_again
from src.inference.batches import in_batches, is_out_of_memory, largest_batch, rows_that_fit, splits_of
from src.inference.cache_size import CacheSize

NO_MACHINE_HAS = 2**50


def tokens(budget):
    """Return how many items go within a number of tokens, each as long as the longest."""
    return lambda longest: budget // longest


def allocated(most):
    """A run that asks torch for more memory than any machine has, for batches of more than `most`."""

    def run(batch, at_a_time):
        tried.append(list(batch))
        torch.empty(NO_MACHINE_HAS if at_a_time > most else 1, dtype=torch.uint8)
        yield [(index, index * 10) for index in batch]

    tried: list[list[int]] = []
    return run, tried


def recorded(lengths, **limits):
    """Return the batches that `in_batches` makes, each with how many go at a time."""
    batches = []

    def run(batch, at_a_time):
        batches.append((batch, at_a_time))
        yield [(index, None) for index in batch]

    assert sorted(index for index, _ in in_batches(lengths, run, **limits)) == list(range(len(lengths)))
    return batches


def test_the_longest_come_first_in_batches_of_at_most_so_many():
    assert recorded([3, 9, 4, 9, 1], most=2, room=tokens(1000)) == [([1, 3], 2), ([2, 0], 2), ([4], 1)]


def test_what_refills_its_rows_gets_eight_times_as_many():
    assert recorded([7] * 17, most=2, room=tokens(1000), refills=True) == [(list(range(16)), 2), ([16], 1)]


def test_the_budget_counts_the_longest_for_all_and_one_always_goes():
    # 20 tokens: the one of 30 alone, two of 10 (a third would make 30), then four of at most 5
    lengths = [10, 30, 10, 5, 5, 2, 2]
    assert recorded(lengths, most=10, room=tokens(20)) == [([1], 1), ([0, 2], 2), ([3, 4, 5, 6], 4)]


def test_out_of_memory_halves_the_batch_and_goes_on(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("yoyak"), "propagate", True)  # a command of another test may have cut it
    run, tried = allocated(most=2)
    results = dict(in_batches([7] * 8, run, most=8, room=tokens(1000)))
    assert results == {index: index * 10 for index in range(8)}
    assert [len(batch) for batch in tried] == [8, 4, 2, 2, 2, 2]
    assert list(dict.fromkeys(caplog.messages)) == [  # handlers of other tests may have doubled them
        "Out of memory with 8 dialogues at a time; going on with 4",
        "Out of memory with 4 dialogues at a time; going on with 2",
    ]


def test_what_has_ended_before_memory_ran_out_is_kept():
    tried = []

    def run(batch, at_a_time):
        tried.append((batch, at_a_time))
        for index in batch:
            if at_a_time > 2 and index == 3:
                torch.empty(NO_MACHINE_HAS, dtype=torch.uint8)
            yield [(index, index * 10)]

    found = list(in_batches([7] * 6, run, most=4, room=tokens(1000), refills=True))
    assert found == [(index, index * 10) for index in range(6)]
    assert tried == [([0, 1, 2, 3, 4, 5], 4), ([3, 4, 5], 2)]


def test_what_was_learned_about_the_memory_is_kept_for_the_model():
    model = torch.nn.Linear(1, 1)
    run, tried = allocated(most=2)
    for _ in range(2):
        list(in_batches([7] * 4, run, most=8, room=tokens(1000), splits=splits_of(model)))
    assert [len(batch) for batch in tried] == [4, 2, 2, 2, 2]
    assert (splits_of(model).count, splits_of(model).batch_tokens) == (1, 14)
    assert splits_of(torch.nn.Linear(1, 1)).count == 0


def test_more_go_at_a_time_again_by_and_by(monkeypatch):
    """After a pause twice as many go at a time, and the pause doubles each time that memory runs out."""
    now, model = [1000.0], torch.nn.Linear(1, 1)
    monkeypatch.setattr(try_again.time, "monotonic", lambda: now[0])

    def tried_after(wait, most):
        now[0] += wait
        run, tried = allocated(most)
        list(in_batches([7] * 8, run, most=8, room=tokens(1000), splits=splits_of(model)))
        return [len(batch) for batch in tried]

    assert tried_after(0, most=4) == [8, 4, 4]
    assert tried_after(59, most=8) == [4, 4]
    assert tried_after(1, most=2) == [8, 4, 2, 2, 2, 2]  # out of memory three times: the pause is of four minutes
    assert tried_after(239, most=8) == [2, 2, 2, 2]
    assert tried_after(1, most=8) == [4, 4]
    assert tried_after(239, most=8) == [4, 4]
    assert tried_after(1, most=8) == [8]
    assert tried_after(5000, most=8) == [8]
    assert splits_of(model).count == 3


def test_a_resumed_run_waits_before_it_tries_more():
    splits = splits_of(torch.nn.Linear(1, 1))
    splits.go_on(2, 14)
    run, tried = allocated(most=8)
    list(in_batches([7] * 4, run, most=8, room=tokens(1000), splits=splits))
    assert [len(batch) for batch in tried] == [2, 2]
    assert splits.count == 2


def test_out_of_memory_behind_another_error_is_seen():
    def capture():
        try:
            torch.empty(NO_MACHINE_HAS, dtype=torch.uint8)
        finally:
            raise RuntimeError("capture failed")

    with pytest.raises(RuntimeError, match="capture failed") as caught:
        capture()
    assert is_out_of_memory(caught.value)


def test_one_that_does_not_fit_is_one_line():
    run, tried = allocated(most=0)
    with pytest.raises(YoyakError, match=r"out of memory with one dialogue of 7 tokens .*tokenizer\.encoder_max_len"):
        list(in_batches([7, 7, 7], run, most=2, room=tokens(1000)))
    assert [len(batch) for batch in tried] == [2, 1]


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match="shape"):
        list(in_batches([1], lambda *_: torch.zeros(2).reshape(3), most=1, room=tokens(1)))
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(RuntimeError("shape"))


@pytest.mark.parametrize(
    ("batch_size", "device", "refill", "most"),
    [
        ("auto", "cpu", False, 16),
        ("auto", "cuda", False, 256),
        ("auto", "cpu", True, 16),
        ("auto", "cuda", True, 1024),
        (5, "cpu", True, 5),
        (300, "cuda", False, 300),
    ],
)
def test_the_largest_batch(batch_size, device, refill, most):
    assert largest_batch(batch_size, device, refill) == most


def test_half_of_the_free_memory_holds_the_caches(monkeypatch):
    cpu = torch.device("cpu")
    assert rows_that_fit(CacheSize(1), cpu)(1) > 10**6
    monkeypatch.setattr(batches, "free_bytes", lambda device: 20_480)
    # a state of 240 bytes, and 50 bytes a token in a place for each four: 1,040 bytes for 13 tokens
    assert rows_that_fit(CacheSize(50, 240, 4), cpu)(13) == 9
    assert rows_that_fit(CacheSize(50, 240, 4, power_of_two=True), cpu)(13) == 8
    assert rows_that_fit(CacheSize(50, 240, 4, power_of_two=True), cpu)(1000) == 0


@pytest.mark.gpu
def test_out_of_memory_on_a_gpu_halves_and_frees():
    """Each item takes a quarter of the memory: eight and four do not fit, and what they held is free again."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA GPU here")
    each = torch.cuda.mem_get_info()[0] // 4 - 2**26
    sizes = []

    def run(batch, at_a_time):
        sizes.append(len(batch))
        held = [torch.empty(each, dtype=torch.uint8, device="cuda") for _ in [*batch, "activations"]]
        yield [(index, len(held)) for index in batch]

    assert list(in_batches([5] * 8, run, most=8, room=tokens(1000))) == [(index, 3) for index in range(8)]
    assert sizes == [8, 4, 2, 2, 2, 2]
