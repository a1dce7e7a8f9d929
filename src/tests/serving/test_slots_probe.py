"""What the server's slots can't compute is refused before it serves."""

from typing import Any

import pytest
import torch

from src.errors import YoyakError
from src.inference.generator import generating
from src.models.probe import probes_of
from src.serving.engine import TransformersEngine
from src.serving.slots import Slots, refuse_wrong_slots
from src.tests.model_zoo import tiny
from src.tests.tiny_models import load_tiny, tiny_config, write_tiny_model


@pytest.mark.parametrize(
    ("model_type", "settings"),
    [
        ("granite", {"logits_scaling": 8.0}),
        ("cohere", {"logit_scale": 0.0625}),
        ("hyperclovax", {"logits_scaling": 0.125}),
        ("mistral", {"sliding_window": 64}),
    ],
)
def test_slots_give_the_model_s_own_logits(model_type: str, settings: dict[str, Any]) -> None:
    model = tiny(model_type, attn_implementation="sdpa", **settings)
    refuse_wrong_slots(model, most_tokens=64)
    found = probes_of(model)["serving"]
    assert found.agrees
    assert found.loss == pytest.approx(found.own_loss, rel=1e-5)
    ids = [5, 7, 9, 11]
    with generating(model):
        slots = Slots(model)
        logits = torch.stack([slots.add([ids[:-1]])[0], slots.step(ids[-1:])[0]])
        own = model(input_ids=torch.tensor([ids])).logits[0, -2:]
    assert torch.allclose(logits, own, rtol=1e-4, atol=1e-4)


def test_a_window_narrower_than_the_sequences_is_refused() -> None:
    line = r"^serve: layers of this model see 64 tokens at a time, and tokenizer\.encoder_max_len \+ tokenizer\."
    with pytest.raises(YoyakError, match=line):
        refuse_wrong_slots(tiny("mistral", sliding_window=64), most_tokens=65)


@pytest.mark.parametrize(("model_type", "settings"), [("mamba", {"state_size": 4})])
def test_a_model_without_such_a_cache_is_refused(model_type: str, settings: dict[str, Any]) -> None:
    with pytest.raises(
        YoyakError, match=r"^serve: .*; summarize files with yoyak summarize, or serve with --engine vl"
    ):
        refuse_wrong_slots(tiny(model_type, **settings), most_tokens=64)


def test_logits_of_another_model_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.serving.slots.position_logits", lambda base, states: base.lm_head(states))
    line = r"^serve: the probe: loss \d+\.\d+ by the server's engine, \d+\.\d+ by the model's own forward, \S+ apart; "
    with pytest.raises(YoyakError, match=line):
        refuse_wrong_slots(tiny("granite", logits_scaling=8.0), most_tokens=64)


def test_a_fast_model_is_probed_on_the_cached_decoder(tmp_path: Any) -> None:
    model, _ = load_tiny(tiny_config(write_tiny_model(tmp_path / "base"), lora__use_qlora=False))
    TransformersEngine(model).refuse_wrong_logits(10**6)
    assert set(probes_of(model)) == {"generation"}
