"""The probe in 16 bit: where rounding takes the model's own `forward` as far, float32 tells right from wrong."""

from typing import Any

import pytest
import torch

from src.decoder import packed_decoder
from src.decoder.adapter_buffers import Refresh
from src.decoder.cached_decoder import CachedDecoder
from src.inference import probe as generation_probe
from src.models import in_float32
from src.models import probe as shared_probe
from src.models.probe import probes_of
from src.models.probe_result import Probe
from src.tests.packed_models import WRITTEN_OUT, adapted_model
from src.training.probe import probe

HEAD = "head_gradient", lambda right, self, last, *a: right(self, 0.9 * last, *a)
GRADIENT = "run_layers_back", lambda right, self, grad, *a: right(self, 0.5 * grad, *a)


@pytest.fixture
def asks_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no engine agree with 16 bit, so that float32 is asked on any machine."""
    monkeypatch.setitem(shared_probe.BOUNDS, torch.bfloat16, (2e-2, 0.0))


def gemma_in_bf16() -> Any:
    """Return a model that is 0.04 to 0.08 from itself in float32, on the tokens that are drawn."""
    return adapted_model("gemma3_text", torch.bfloat16, {}, **WRITTEN_OUT["gemma3_text"])


@pytest.mark.usefixtures("asks_float32")
def test_an_engine_as_far_from_float32_as_the_model_itself_is_right() -> None:
    model = gemma_in_bf16()
    found = probe(model, "packed")
    assert found.agrees
    assert found.from_float32 is not None
    assert found.own_from_float32 is not None
    assert 0.01 < found.from_float32 < 1.5 * found.own_from_float32
    ours, own = f"{found.from_float32:.2g}", f"{found.own_from_float32:.2g}"
    assert str(found).endswith(f" apart ({ours} and {own} from float32)")
    assert found.ko.endswith(f"(float32와의 차이 {ours}, {own})")
    assert Probe(**found.record()) == found
    assert all(parameter.dtype == torch.bfloat16 for parameter in model.parameters())
    assert generation_probe.generates_fast(model)
    assert probes_of(model)["generation"].from_float32 is not None


@pytest.mark.usefixtures("asks_float32")
def test_where_float32_does_not_fit_it_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_float32, "free_bytes", lambda device: 0)
    found = probe(gemma_in_bf16(), "packed")
    assert not found.agrees
    assert found.from_float32 is None
    assert "from_float32" not in found.record()


@pytest.mark.usefixtures("asks_float32")
@pytest.mark.parametrize("fault", [HEAD, GRADIENT], ids=["head at nine tenths", "half a gradient"])
def test_a_wrong_engine_is_found_out_by_float32(fault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name, changed = fault
    right = getattr(packed_decoder.PackedDecoder, name)
    monkeypatch.setattr(packed_decoder.PackedDecoder, name, lambda *a: changed(right, *a))
    found = probe(gemma_in_bf16(), "packed")
    assert found.from_float32 is not None
    assert not found.agrees


@pytest.mark.usefixtures("asks_float32")
def test_half_the_adapters_are_found_out_by_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Refresh.__init__

    def init(self: Any, linears: Any) -> None:
        right(self, linears)
        self._scaling = [0.5 * scaling for scaling in self._scaling]

    monkeypatch.setattr(Refresh, "__init__", init)
    found = probe(gemma_in_bf16(), "packed")
    assert found.from_float32 is not None
    assert not found.agrees


@pytest.mark.usefixtures("asks_float32")
def test_logits_at_nine_tenths_are_found_out_by_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    right = CachedDecoder.logits
    monkeypatch.setattr(CachedDecoder, "logits", lambda self, hidden: 0.9 * right(self, hidden))
    model = gemma_in_bf16()
    assert not generation_probe.generates_fast(model)
    assert probes_of(model)["generation"].from_float32 is not None
