"""The gated delta rule over packed sequences, against the rule token by token."""

from typing import Any

import pytest
import torch
from torch import nn
from transformers.models.qwen3_5.modeling_qwen3_5 import torch_chunk_gated_delta_rule

from src.kernels.chunks import chunks_of
from src.kernels.gated_delta_rule import delta_step, gated_delta_rule, short_convolution

CPU = torch.device("cpu")
KEY_HEADS, HEADS, KEYS, VALUES = 2, 4, 6, 5
ALONE = [(0, 70, range(0)), (70, 73, range(0)), (73, 201, range(0)), (201, 202, range(0))]
BEHIND = [
    (0, 66, range(0)),
    (66, 70, range(66)),
    (70, 140, range(66)),
    (140, 142, range(0)),
    (142, 147, range(140, 142)),
]


def inputs(tokens: int) -> list[torch.Tensor]:
    """Queries, keys, values, decays and rates, with gradients."""
    torch.manual_seed(0)
    queries, keys = torch.randn(2, tokens, KEY_HEADS, KEYS, dtype=torch.float64).unbind()
    made = [
        queries,
        nn.functional.normalize(keys, dim=-1),
        torch.randn(tokens, HEADS, VALUES, dtype=torch.float64),
        -torch.rand(tokens, HEADS, dtype=torch.float64),
        torch.rand(tokens, HEADS, dtype=torch.float64),
    ]
    return [x.requires_grad_() for x in made]


def one_by_one(given: list[torch.Tensor], spans: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what is read, and the states after all sequences, each token of all before it anew."""
    queries, keys = (x.repeat_interleave(HEADS // KEY_HEADS, dim=1) for x in given[:2])
    read, states = {}, []
    for begin, end, before in spans:
        state = torch.zeros(HEADS, KEYS, VALUES, dtype=torch.float64)
        for token in [*before, *range(begin, end)]:
            decayed = state * given[3][token].exp()[:, None, None]
            known = torch.einsum("hk,hkv->hv", keys[token], decayed)
            new = given[4][token][:, None] * (given[2][token] - known)
            state = decayed + torch.einsum("hk,hv->hkv", keys[token], new)
            read[token] = torch.einsum("hk,hkv->hv", queries[token], state)
        states.append(state)
    return torch.stack([read[token] for token in range(len(read))]), torch.stack(states)


@pytest.mark.parametrize("spans", [ALONE, BEHIND], ids=["alone", "behind others"])
def test_chunks_are_the_rule_token_by_token(spans: Any) -> None:
    given = inputs(spans[-1][1])
    expected, expected_states = one_by_one(given, spans)
    read, states = gated_delta_rule(*given, chunks_of(spans, CPU, 3), keeps_last=True)
    assert states is not None
    assert torch.allclose(read, expected, rtol=1e-10, atol=1e-10)
    assert torch.allclose(states, expected_states, rtol=1e-10, atol=1e-10)
    weight = torch.randn_like(read)
    ours = torch.autograd.grad((read * weight).sum() + states.sum(), given)
    theirs = torch.autograd.grad((expected * weight).sum() + expected_states.sum(), given)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-9)


def test_one_sequence_is_as_transformers_computes_it() -> None:
    given = [x.detach().float() for x in inputs(150)]
    scaled = [given[0] * KEYS**-0.5, *given[1:]]
    read, states = gated_delta_rule(*scaled, chunks_of([(0, 150, range(0))], CPU, 3), keeps_last=True)
    queries, keys, values, decays, rates = (x[None] for x in given)
    expected, last = torch_chunk_gated_delta_rule(queries, keys, values, decays, rates, output_final_state=True)
    assert torch.allclose(read, expected[0], atol=1e-5)
    assert states is not None
    assert torch.allclose(states, last, atol=1e-5)


def test_a_step_goes_on_where_a_sequence_ended() -> None:
    given = [x.detach() for x in inputs(72)]
    whole, states = gated_delta_rule(*given, chunks_of([(0, 72, range(0))], CPU, 3), keeps_last=True)
    _, before = gated_delta_rule(*(x[:71] for x in given), chunks_of([(0, 71, range(0))], CPU, 3), keeps_last=True)
    assert states is not None
    assert before is not None
    queries, keys = (x[71:].repeat_interleave(HEADS // KEY_HEADS, dim=1) for x in given[:2])
    read = delta_step(queries, keys, *(x[71:] for x in given[2:]), state=before)
    assert torch.allclose(read, whole[71:])
    assert torch.allclose(before, states)


def test_the_convolution_in_numbers() -> None:
    """Of two sequences, the second behind the first's two tokens; the third begins anew."""
    spans = [(0, 2, range(0)), (2, 5, range(2)), (5, 6, range(0))]
    x = torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]])
    weight = torch.tensor([[1000.0, 100.0, 10.0, 1.0]])
    result = short_convolution(x, weight, chunks_of(spans, CPU, 3))
    assert result.flatten().tolist() == [1.0, 12.0, 123.0, 1234.0, 2345.0, 6.0]


def test_what_stands_before_is_a_whole_sequence() -> None:
    with pytest.raises(ValueError, match="before sequence 1 is not one that comes earlier"):
        chunks_of([(0, 4, range(0)), (4, 6, range(3))], CPU, 3)
