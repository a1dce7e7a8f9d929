"""The gradient of an embedding table against autograd's."""

import pytest
import torch
from torch import nn

from src.kernels import embedding_gradient
from src.kernels.embedding_gradient import add_embedding_gradient


@pytest.mark.parametrize("padding_idx", [None, 2])
@pytest.mark.parametrize("chunk", [4, 100])
def test_equals_autograds_and_adds(monkeypatch: pytest.MonkeyPatch, chunk: int, padding_idx: int | None) -> None:
    monkeypatch.setattr(embedding_gradient, "_CHUNK", chunk)
    torch.manual_seed(0)
    ids, grad = torch.randint(7, (30,)), torch.randn(30, 5, dtype=torch.float64)
    ids[ids == 0] = 3  # a row that no token names
    table = torch.randn(7, 5, dtype=torch.float64, requires_grad=True)
    nn.functional.embedding(ids, table, padding_idx).backward(grad)
    total = torch.ones(7, 5, dtype=torch.float64)
    add_embedding_gradient(total, ids, grad, padding_idx)
    assert torch.allclose(total, 1 + table.grad, rtol=1e-12)
    assert torch.equal(total[0], torch.ones(5, dtype=torch.float64))


def test_a_frequent_token_is_summed_before_it_is_rounded() -> None:
    """2,000 gradients of 1: one by one they would end at 256, since 256 + 1 is 256 in bfloat16."""
    total = torch.full((3, 2), 8.0, dtype=torch.bfloat16)
    ids = torch.tensor([2, *[1] * 2000, 2, 0])
    add_embedding_gradient(total, ids, torch.ones(2003, 2, dtype=torch.bfloat16))
    assert total.tolist() == [[9.0, 9.0], [2008.0, 2008.0], [10.0, 10.0]]


def test_rows_of_one_id_are_summed_before_they_are_rounded() -> None:
    """In bf16 256 + 1 is 256: 256 ones, each added by itself, would be lost."""
    total = torch.full((3, 2), 256.0, dtype=torch.bfloat16)
    add_embedding_gradient(total, torch.ones(256, dtype=torch.int64), torch.ones(256, 2, dtype=torch.bfloat16))
    assert total.tolist() == [[256.0, 256.0], [512.0, 512.0], [256.0, 256.0]]
