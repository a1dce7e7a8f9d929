"""The probe of refining's groups: it agrees with the model's own `forward`, and finds what is laid out otherwise."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from src.data.batches import groups
from src.data.batches.packing import MicroBatch
from src.errors import YoyakError
from src.models.probe import found_by_probes, probes_of
from src.tests.packed_models import WRITTEN_OUT, adapted_model
from src.training.refine import probe
from src.training.refine.probe import probe_groups


@pytest.mark.parametrize("family", WRITTEN_OUT)
def test_groups_are_learned_from_as_each_summary_alone(family: str) -> None:
    model = adapted_model(family, torch.float32, {}, **WRITTEN_OUT[family])
    found = probe_groups(model, captured=False)
    assert found.loss == pytest.approx(found.own_loss, rel=1e-6)
    assert 0 < (found.error or 0) < 1e-5
    assert list(found_by_probes(model)) == ["refining"]
    assert all(parameter.grad is None for parameter in model.parameters())


def without_prompts(batch: MicroBatch) -> MicroBatch:
    places = batch.places.clone()
    places[5] = places[4]  # what stands before a summary ends where it begins
    return replace(batch, places=places)


def one_place_on(batch: MicroBatch) -> MicroBatch:
    places = batch.places.clone()
    places[1] += torch.arange(places.shape[1]) >= places.shape[1] // 2
    return replace(batch, places=places)


def equal_weights(batch: MicroBatch) -> MicroBatch:
    assert batch.weights is not None
    return replace(batch, weights=torch.ones_like(batch.weights))


@pytest.mark.parametrize("fault", [without_prompts, one_place_on, equal_weights])
def test_what_learns_something_else_is_refused(
    fault: Callable[[MicroBatch], MicroBatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*arguments: Any) -> list[MicroBatch]:
        return [fault(batch) for batch in groups.pack_groups(*arguments)]

    monkeypatch.setattr(probe, "pack_groups", wrong)
    model = adapted_model("llama", torch.float32, {})
    with pytest.raises(YoyakError, match=r"the probe: loss .* by the refining engine.*; this model can't be refined"):
        probe_groups(model, captured=False)
    assert not probes_of(model)["refining"].agrees


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_on_a_gpu_graphs_are_probed(dtype: torch.dtype) -> None:
    model = adapted_model("llama", dtype, {}, head_dim=16)  # narrower heads Triton's products don't take
    assert probe_groups(model.cuda(), captured=True).agrees
