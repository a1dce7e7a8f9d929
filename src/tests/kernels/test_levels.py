"""Levels of sequences in numbers."""

from typing import Any

import pytest
import torch

from src.kernels.levels import levels_of

CPU = torch.device("cpu")


def numbers(x: Any) -> Any:
    return x.tolist() if isinstance(x, torch.Tensor) else x


def test_sequences_that_begin_anew_are_one_level() -> None:
    found = levels_of([(0, 3, range(0)), (3, 4, range(0))], CPU)
    (level,) = found.levels
    assert (level.tokens, level.starts.tolist(), level.parents) == (slice(0, 4), [0, 3, 4], None)
    assert level.starts.dtype == level.host_starts.dtype == torch.int64
    assert found.token_order is None
    assert found.sequence_order is None


def test_what_goes_on_from_a_shared_beginning_is_the_next_level() -> None:
    found = levels_of([(0, 3, range(0)), (3, 5, range(3)), (5, 6, range(3))], CPU)
    first, second = found.levels
    assert (first.tokens, first.starts.tolist(), first.parents) == (slice(0, 3), [0, 3], None)
    assert (second.tokens, second.starts.tolist(), numbers(second.parents)) == (slice(3, 6), [0, 2, 3], [0, 0])
    assert found.token_order is None


def test_groups_are_put_in_order_again() -> None:
    """A prompt of 2 with continuations of 1 and 2, a prompt of 1 with one of 2; one of 1 goes on from the last."""
    spans = [(0, 2, range(0)), (2, 3, range(2)), (3, 5, range(2)), (5, 6, range(0)), (6, 8, range(5, 6))]
    spans.append((8, 9, range(6, 8)))
    found = levels_of(spans, CPU)
    assert [numbers(level.tokens) for level in found.levels] == [[0, 1, 5], [2, 3, 4, 6, 7], slice(8, 9)]
    assert [level.host_starts.tolist() for level in found.levels] == [[0, 2, 3], [0, 1, 3, 5], [0, 1]]
    assert [numbers(level.parents) for level in found.levels] == [None, [0, 0, 1], [2]]
    laid = [0, 1, 5, 2, 3, 4, 6, 7, 8]
    assert found.token_order is not None
    assert [laid[place] for place in found.token_order.tolist()] == list(range(9))
    assert numbers(found.sequence_order) == [0, 2, 3, 1, 4, 5]


def test_what_stands_before_is_a_whole_sequence() -> None:
    with pytest.raises(ValueError, match="before sequence 1 is not one that comes earlier"):
        levels_of([(0, 4, range(0)), (4, 6, range(3))], CPU)
