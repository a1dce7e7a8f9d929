"""Where Flash Linear Attention's kernels can't train, transformers' own Qwen3.5 computes without them."""

import functools
from typing import Any

import pytest
import torch
from transformers.models.qwen3_5 import modeling_qwen3_5

from src.bilingual import Text
from src.models import own_delta_rule
from src.models.own_delta_rule import train_own_delta_rule
from src.tests.packed_models import adapted_model

RULE = "torch_chunk_gated_delta_rule"
IDS = torch.tensor([[3, 1, 4, 1, 5]])


def backward(model: Any) -> None:
    model(input_ids=IDS, labels=IDS, use_cache=False).loss.backward()


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put kernels that refuse in front of the operations of torch, as transformers does with the library's."""

    @functools.wraps(getattr(modeling_qwen3_5, RULE))
    def rule(*_: Any, **__: Any) -> None:
        raise RuntimeError("Triton >= 3.4.0 and < 3.7.1 on Hopper GPUs produces incorrect results")

    monkeypatch.setattr(modeling_qwen3_5, RULE, rule)


@pytest.mark.usefixtures("refusing")
def test_kernels_that_refuse_are_not_called() -> None:
    model = adapted_model("qwen3_5_text", torch.float32, {})
    with pytest.raises(RuntimeError, match="Hopper"):
        backward(model)
    assert train_own_delta_rule(model) == "it is for GPUs"
    backward(model)
    assert any(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.usefixtures("refusing")
def test_kernels_that_train_are_left(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "yoyak")
    monkeypatch.setattr(own_delta_rule, "flash_delta_obstacle", lambda *_: None)
    before = getattr(modeling_qwen3_5, RULE)
    assert train_own_delta_rule(adapted_model("qwen3_5_text", torch.float32, {})) is None
    assert getattr(modeling_qwen3_5, RULE) is before
    assert caplog.messages == ["Flash Linear Attention's kernels are compiled in a machine's first run: minutes"]


def test_other_models_have_no_such_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_delta_rule, "flash_delta_obstacle", lambda *_: Text("never", "never"))
    assert train_own_delta_rule(adapted_model("llama", torch.float32, {})) is None
