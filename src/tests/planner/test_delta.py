"""What a gated delta rule takes in memory, against the tensors of a real one."""

from types import SimpleNamespace

import pytest
import torch

from src.decoder.gated_delta import GatedDelta
from src.decoder.layer_state import Rotaries
from src.descriptions import DeltaDescription, NormDescription
from src.kernels.heads import Sequences
from src.planner.delta import DeltaShape, delta_tensors

TOKENS = 256  # four whole chunks


@pytest.mark.parametrize("heads", [16, 32])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bf16"])
def test_the_graph_saves_what_the_plan_counts(heads: int, dtype: torch.dtype) -> None:
    """Heads of the published widths; to 5%, since small tensors are counted together."""
    of = DeltaDescription(heads, 16, 128, 128, kernel=4, norm=NormDescription(1e-6))
    own = {
        "conv1d": SimpleNamespace(weight=torch.randn(of.mixed, 1, 4, dtype=dtype)),
        "A_log": torch.zeros(heads, dtype=dtype),
        "dt_bias": torch.zeros(heads, dtype=dtype),
        "norm": SimpleNamespace(weight=torch.ones(of.width, dtype=dtype)),
    }
    delta = GatedDelta(SimpleNamespace(**own), of)
    mixed = torch.randn(TOKENS, of.mixed + of.values + 2 * heads, dtype=dtype)
    sequences = Sequences([0, TOKENS], torch.arange(TOKENS), torch.full((TOKENS,), TOKENS))
    saved, alive = {}, []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() != mixed.untyped_storage().data_ptr():  # a kept tensor, not one of the graph
            saved[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = torch.empty(TOKENS, of.values, dtype=dtype)
        delta.forward(mixed, Rotaries({}), sequences, out, last=True)
    shape = DeltaShape(layers=1, keys=of.keys, values=of.values, heads=heads, key_heads=16, kernel=4)
    planned = delta_tensors(shape, TOKENS, dtype.itemsize)
    assert sum(planned.values()) == pytest.approx(sum(saved.values()), rel=0.05)
