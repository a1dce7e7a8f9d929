"""What the probes of a run share: one pass by the model's own `forward`, and the tokens that are drawn."""

from typing import Any

import pytest
import torch

from src.inference.probe import generates_fast
from src.models.probe import probe_items, probed_once, probes_of, untouched
from src.models.probe_result import Probe
from src.tests.packed_models import adapted_model
from src.training.probe import probe


def own_passes(model: Any) -> list[None]:
    """Return a list that grows with each pass through the first layer by the model's own `forward`."""
    seen: list[None] = []
    model.get_base_model().model.layers[0].register_forward_hook(lambda *_: seen.append(None))
    return seen


def test_the_probes_of_a_run_share_one_own_forward() -> None:
    model = adapted_model("llama", torch.float32, {})
    seen = own_passes(model)
    with untouched(model):
        assert probe(model, "packed").agrees
        assert len(seen) == 1
        assert probe(model, "trainer").agrees
        assert len(seen) == 2  # the decoder of `response_loss`
        assert generates_fast(model)
        assert len(seen) == 2
    assert probes_of(model)["loss"].own_loss == probes_of(model)["training"].own_loss


def test_what_is_shared_is_not_kept() -> None:
    model = adapted_model("llama", torch.float32, {})
    assert probe(model, "packed").agrees
    for name, parameter in model.named_parameters():
        if "lora_A" in name:  # as training does
            parameter.data += 0.1
    seen = own_passes(model)
    assert generates_fast(model)
    assert len(seen) == 1
    assert probes_of(model)["generation"].error < 1e-5  # type: ignore[operator]


@pytest.mark.parametrize(("dtype", "draws"), [(torch.bfloat16, 3), (torch.float32, 1)])
def test_in_16_bit_other_tokens_are_drawn_before_an_engine_is_called_wrong(dtype: torch.dtype, draws: int) -> None:
    model = adapted_model("llama", dtype, {})
    right, wrong = (Probe("packed", 2.0, 2.0, 0.5, agrees, 0.1) for agrees in (True, False))
    seen: list[tuple[int, ...]] = []

    def disagrees_until(times: int) -> Probe:
        seen.append(tuple(probe_items(model)[0]["input_ids"].tolist()))
        return right if len(seen) == times else wrong

    assert probed_once(model, "first", lambda: disagrees_until(9)) == (wrong, True)
    assert len(seen) == len(set(seen)) == draws
    tokens = list(seen)
    seen.clear()
    assert probed_once(model, "second", lambda: disagrees_until(draws)) == (right, True)
    assert seen == tokens  # always the same ones
    seen.clear()
    assert probed_once(model, "third", lambda: disagrees_until(1)) == (right, True)
    assert seen == tokens[:1]
