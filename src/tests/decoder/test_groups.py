"""Gradients of groups against autograd on each prompt with one continuation at a time."""

import functools
from typing import Any

import pytest
import torch

from src.data.batches.groups import PromptGroup, pack_groups
from src.decoder.captured_passes import CapturedPasses
from src.decoder.packed_decoder import PackedDecoder
from src.tests.packed_models import (
    VOCABULARY,
    WRITTEN_OUT,
    adapted_model,
    gradients,
    reference,
    worst_error,
)


def groups(shapes: list[list[int]]) -> list[PromptGroup]:
    """Return groups by the lengths of prompt and continuations; weights are exact in float32, one is zero."""
    generator = torch.Generator().manual_seed(0)

    def ids(length: int) -> list[int]:
        return torch.randint(VOCABULARY, (length,), generator=generator).tolist()

    weights = [1.0, -0.5, 0.0, 0.25, -2.0]
    return [PromptGroup(ids(prompt), [ids(n) for n in lengths], weights[: len(lengths)]) for prompt, *lengths in shapes]


SHAPES = [[20, 3, 9, 1, 5, 2], [7, 4, 4], [1, 2, 6], [130, 20, 1]]


def settings_of(family: str) -> dict[str, Any]:
    return WRITTEN_OUT[family] if family in ("gemma4_text", "qwen3_5_text") else {}


@functools.cache
def expected_gradients(family: str, adapted: bool) -> dict[str, torch.Tensor]:
    """Return the gradients in float64 of the weighted sum of all continuations' losses."""
    model, some = adapted_model(family, torch.float64, {} if adapted else None, **settings_of(family)), groups(SHAPES)
    total: dict[str, torch.Tensor] = {}
    for group in some:
        for continuation, weight in zip(group.continuations, group.weights, strict=True):
            ids = torch.tensor([*group.prompt, *continuation])
            labels = ids.clone()
            labels[: len(group.prompt)] = -100
            _, found = reference(model, [{"input_ids": ids, "labels": labels}])
            for name, gradient in found.items():  # of the mean
                part = weight * len(continuation) * gradient
                total[name] = total[name] + part if name in total else part
    return total


@pytest.mark.parametrize(("dtype", "most"), [(torch.float64, 1e-9), (torch.float32, 1e-5)], ids=["float64", "float32"])
@pytest.mark.parametrize("lora", [{}, None], ids=["adapted", "whole"])
@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma4_text", "qwen3_5_text"])
@pytest.mark.parametrize(
    ("capacity", "multiple"), [(1000, 1), (60, 1), (60, 32)], ids=["one micro-batch", "several", "filled up"]
)
def test_gradients_equal_those_of_each_continuation_alone(
    family: str, lora: dict[str, Any] | None, dtype: torch.dtype, most: float, capacity: int, multiple: int
) -> None:
    some, expected = groups(SHAPES), expected_gradients(family, lora is not None)
    model = adapted_model(family, dtype, lora, **settings_of(family))
    decoder = PackedDecoder(model)
    for number, batch in enumerate(pack_groups(some, capacity, multiple)):
        decoder.add_gradients(batch, 1, None, new_step=number == 0)
    # The delta rule's are sums of both signs, whose parts are as exact as the others'.
    assert worst_error(gradients(model), expected) <= (2 * most if family == "qwen3_5_text" else most)


def test_buffers_of_graphs_hold_the_places_one_behind_the_other() -> None:
    """A micro-batch that doesn't fill the buffers: kernels read both rows of `before` as one piece."""
    passes = CapturedPasses(PackedDecoder(adapted_model("llama", torch.float32, {})), 64)
    (batch,) = pack_groups(groups([[5, 3, 2]]), 64)
    inputs = passes._copy_inputs(batch, None)
    assert inputs.before is not None
    assert inputs.before.is_contiguous()
    assert torch.equal(inputs.places, batch.places)
