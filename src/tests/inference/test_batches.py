"""Batches: what goes together, what the budget allows, and what happens when memory runs out."""

import logging

import pytest
import torch

from src.errors import YoyakError
from src.inference.batches import cache_bytes_a_token, in_batches, is_out_of_memory, largest_batch, token_budget
from src.tests.tiny_models import load_tiny, tiny_config, write_tiny_model

NO_MACHINE_HAS = 2**50


def allocated(most):
    """A run that asks torch for more memory than any machine has, for batches of more than `most`."""

    def run(batch):
        tried.append(list(batch))
        torch.empty(NO_MACHINE_HAS if len(batch) > most else 1, dtype=torch.uint8)
        return [index * 10 for index in batch]

    tried: list[list[int]] = []
    return run, tried


def test_the_longest_come_first_in_batches_of_at_most_so_many():
    batches = list(in_batches([3, 9, 4, 9, 1], lambda batch: len(batch), most=2, budget=1000))
    assert batches == [([1, 3], 2), ([2, 0], 2), ([4], 1)]


def test_the_budget_counts_the_longest_for_all_and_one_always_goes():
    # 20 tokens: the one of 30 alone, two of 10 (a third would make 30), then four of at most 5
    lengths = [10, 30, 10, 5, 5, 2, 2]
    assert [batch for batch, _ in in_batches(lengths, lambda _: None, most=10, budget=20)] == [
        [1],
        [0, 2],
        [3, 4, 5, 6],
    ]


def test_out_of_memory_halves_the_batch_and_goes_on(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("yoyak"), "propagate", True)  # a command of another test may have cut it
    run, tried = allocated(most=2)
    results = dict(
        pair for batch, rows in in_batches([7] * 8, run, most=8, budget=1000) for pair in zip(batch, rows, strict=True)
    )
    assert results == {index: index * 10 for index in range(8)}
    assert [len(batch) for batch in tried] == [8, 4, 2, 2, 2, 2]
    assert list(dict.fromkeys(caplog.messages)) == [  # handlers of other tests may have doubled them
        "Out of memory with 8 dialogues at a time; going on with 4",
        "Out of memory with 4 dialogues at a time; going on with 2",
    ]


def test_one_that_does_not_fit_is_one_line():
    run, tried = allocated(most=0)
    with pytest.raises(YoyakError, match=r"out of memory with one dialogue of 7 tokens .*tokenizer\.encoder_max_len"):
        list(in_batches([7, 7, 7], run, most=2, budget=1000))
    assert [len(batch) for batch in tried] == [2, 1]


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match="shape"):
        list(in_batches([1], lambda _: torch.zeros(2).reshape(3), most=1, budget=1))
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(RuntimeError("shape"))


@pytest.mark.parametrize(
    ("batch_size", "device", "most"), [("auto", "cpu", 16), ("auto", "cuda", 256), (5, "cpu", 5), (300, "cuda", 300)]
)
def test_the_largest_batch(batch_size, device, most):
    assert largest_batch(batch_size, device) == most


def test_the_default_budget_is_half_of_free_memory(tmp_path):
    model, _ = load_tiny(tiny_config(write_tiny_model(tmp_path / "base")))
    # keys and values x 2 layers x 2 heads x 16 numbers x 4 bytes (fp32), or 2 where the CPU computes in bf16
    number_bytes = model.get_input_embeddings().weight.dtype.itemsize
    assert cache_bytes_a_token(model) == 2 * 2 * 2 * 16 * number_bytes
    assert 10**5 < token_budget(model) < 10**12


@pytest.mark.gpu
def test_out_of_memory_on_a_gpu_halves_and_frees():
    """Each item takes a quarter of the memory: eight and four do not fit, and what they held is free again."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA GPU here")
    each = torch.cuda.mem_get_info()[0] // 4 - 2**26
    sizes = []

    def run(batch):
        sizes.append(len(batch))
        held = [torch.empty(each, dtype=torch.uint8, device="cuda") for _ in [*batch, "activations"]]
        return len(held)

    assert [len(batch) for batch, _ in in_batches([5] * 8, run, most=8, budget=1000)] == [2, 2, 2, 2]
    assert sizes == [8, 4, 2, 2, 2, 2]
