"""The loss of models that do more than a linear head on their decoder's states, against their own `forward`."""

from typing import Any

import pytest
import torch
from torch import nn
from transformers.modeling_outputs import CausalLMOutputWithPast

from src.models.causal_head import head_kind
from src.tests.model_zoo import tiny
from src.training import loss
from src.training.loss import response_loss

OWN: list[tuple[str, dict[str, Any]]] = [
    ("granite", {"logits_scaling": 8.0}),
    ("hyperclovax", {"logits_scaling": 0.125}),
    ("gemma2", {"final_logit_softcapping": 30.0, "sliding_window": 64}),
    ("cohere", {"logit_scale": 0.0625}),
    ("nanochat", {}),
]
BARE: list[tuple[str, dict[str, Any]]] = [
    ("llama", {}),
    ("qwen3_moe", {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}),
    ("granite", {"logits_scaling": 1.0}),
    ("gpt_neox", {}),
]


def batch() -> dict[str, torch.Tensor]:
    """Two examples of 40 and 30 tokens, padded right, with 20 and 12 targets."""
    ids = torch.randint(1, 96, (2, 40), generator=torch.Generator().manual_seed(1))
    labels = ids.clone()
    labels[:, :20] = -100
    labels[1, 2:18], labels[1, 18:20], labels[1, 30:] = -100, ids[1, 18:20], -100
    ids[1, 30:] = 0
    return {"input_ids": ids, "labels": labels}


def own_loss(model: Any, data: dict[str, torch.Tensor]) -> torch.Tensor:
    """The sum of transformers' own mean loss times targets, one example at a time without padding."""
    total = torch.zeros(())
    for ids, labels, length in zip(data["input_ids"], data["labels"], (40, 30), strict=True):
        one = {"input_ids": ids[None, :length], "labels": labels[None, :length]}
        total = total + model(**one, use_cache=False).loss * int((labels[1:] != -100).sum())
    return total


def gradients(model: Any, value: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    value.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def assert_equal_to_own(model: Any) -> None:
    data = batch()
    total, targets = response_loss(model, data)
    expected = own_loss(model, data)
    assert targets == 32
    assert total.item() == pytest.approx(expected.item(), rel=2e-6)
    ours, theirs = gradients(model, total), gradients(model, expected)
    assert ours.keys() == theirs.keys()
    for name, gradient in ours.items():
        assert (gradient - theirs[name]).norm() <= 2e-5 * theirs[name].norm() + 1e-7, name


@pytest.mark.parametrize(("model_type", "settings"), OWN, ids=[name for name, _ in OWN])
@pytest.mark.parametrize("chunk", [1024, 7])
def test_loss_and_gradients_are_the_class_s_own(
    model_type: str, settings: dict[str, Any], chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss, "_CHUNK", chunk)
    model = tiny(model_type, **settings)
    assert head_kind(model) == "own"
    assert_equal_to_own(model)
    with torch.no_grad():  # as in evaluation
        assert response_loss(model, batch())[0].item() == pytest.approx(own_loss(model, batch()).item(), rel=2e-6)
    # What was computed before: a linear head on the decoder's states.
    states = model.get_decoder()(input_ids=batch()["input_ids"])[0][:, :-1]
    logits = model.get_output_embeddings()(states)
    plain = nn.functional.cross_entropy(logits.flatten(0, 1), batch()["labels"][:, 1:].flatten(), reduction="sum")
    assert abs(plain.item() / own_loss(model, batch()).item() - 1) > 0.005


@pytest.mark.parametrize(("model_type", "settings"), BARE, ids=[name for name, _ in BARE])
def test_a_bare_head_is_found_out(model_type: str, settings: dict[str, Any]) -> None:
    model = tiny(model_type, **settings)
    model.train()
    assert head_kind(model) == "bare"
    assert model.training
    assert_equal_to_own(model.eval())


class _Own(nn.Module):
    """A checkpoint's own code: embeddings scaled before the decoder is called, and what `transform` does behind it."""

    def __init__(self, model: Any, hidden_from_others: bool) -> None:
        super().__init__()
        self.inner, self.config, self.hides = model, model.config, hidden_from_others

    def get_decoder(self) -> Any:
        return self.inner.get_input_embeddings() if self.hides else self.inner.model

    def get_input_embeddings(self) -> Any:
        return self.inner.get_input_embeddings()

    def get_output_embeddings(self) -> Any:
        return self.inner.lm_head

    def forward(self, input_ids: torch.Tensor, labels: Any = None, use_cache: bool = False) -> CausalLMOutputWithPast:
        states = self.inner.model(inputs_embeds=3.0 * self.inner.model.embed_tokens(input_ids))[0]
        logits = self.inner.lm_head(states)
        value = None if labels is None else nn.functional.cross_entropy(logits[0, :-1], labels[0, 1:])
        return CausalLMOutputWithPast(logits=logits, loss=value)


@pytest.mark.parametrize(("hides", "kind"), [(False, "bare"), (True, "whole")])
def test_code_of_the_checkpoint_s_own(hides: bool, kind: str) -> None:
    model = _Own(tiny("llama"), hides)
    assert head_kind(model) == kind
    assert_equal_to_own(model)


def test_a_decoder_that_can_not_be_parted_gives_the_logits_of_targets_only() -> None:
    model = tiny("llama4_text", num_local_experts=4, intermediate_size_mlp=48, pad_token_id=0)
    assert head_kind(model) == "whole"
    seen = []
    model.lm_head.register_forward_hook(lambda _, __, output: seen.append(output.shape[1]))
    assert_equal_to_own(model)
    assert seen[0] == 22  # of the 39 positions: those that predict 18..29 in one example or 20..39 in the other


def test_only_targets_get_logits() -> None:
    model = tiny("granite", logits_scaling=8.0)
    assert head_kind(model) == "own"
    seen = []
    model.lm_head.register_forward_hook(lambda _, __, output: seen.append(tuple(output.shape)))
    response_loss(model, batch())
    assert seen == [(2, 1, 96), (1, 32, 96)]
    assert "forward" not in vars(model.get_decoder())
