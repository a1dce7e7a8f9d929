"""All weights of a training cut over the ranks, with their gradients and the optimizer's states, by torch's FSDP2.

A layer's weights are gathered before it computes and let go after it; its gradients are added up over the ranks, each
of which keeps its own part. On the outside a weight is a `DTensor`. Checkpoints and the final model hold whole
tensors, so they know nothing of how many ranks there were.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import nn

from ...errors import YoyakError
from ...ranks.group import is_first_rank, library_meeting, rank_count

_WEIGHTS = "model.safetensors"


def cut_weights(causal_lm: Any, device: str) -> None:
    """Cut all weights of a model, which may be in the CPU's memory, over the ranks' devices (`cuda` or `cpu`).

    The sums of gradients are in float32 on the way, and sums, not means: each rank divides its loss by the step's
    target tokens.

    Raises:
        YoyakError: the model has no layers that can be gathered one after the other.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

    layers = getattr(causal_lm.get_decoder(), "layers", None)
    if not isinstance(layers, nn.ModuleList):
        raise YoyakError(
            f"training.sharding = weights: {type(causal_lm).__name__} has no list of layers to cut; set it to none"
        )
    mesh = init_device_mesh(device, (rank_count(),))
    policy = MixedPrecisionPolicy(reduce_dtype=torch.float32)
    for module in (*layers, causal_lm):
        fully_shard(module, mesh=mesh, mp_policy=policy)
        assert isinstance(module, FSDPModule)
        module.set_gradient_divide_factor(1.0)
        module.set_force_sum_reduction_for_comms(True)  # gloo knows no other


def is_cut(model: nn.Module) -> bool:
    """Tell whether a model's weights are cut over the ranks."""
    return any(_is_cut(parameter) for parameter in model.parameters())


def whole_on_first(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor whole in the first rank's CPU memory, and empty in that of the others: all of them call it.

    A tensor that is not cut is as it is, a copy.
    """
    if not _is_cut(tensor):
        return tensor.detach().to("cpu", copy=True).contiguous()
    with library_meeting():
        full: torch.Tensor = tensor.detach().full_tensor()  # type: ignore[attr-defined]
    return full.to("cpu", copy=True).contiguous() if is_first_rank() else full.new_empty(0, device="cpu")


def whole_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return a cut model's weights in the first rank's memory, one gathered after the other; nothing to the others."""
    found = {name: whole_on_first(parameter) for name, parameter in model.named_parameters()}
    return found if is_first_rank() else {}


def cut_as(value: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return a whole tensor cut as `like` is, where that is and their shapes are equal; nothing is sent."""
    if not _is_cut(like) or value.shape != like.shape:
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value, like.device_mesh, like.placements, src_data_rank=None)  # type: ignore[attr-defined]


@torch.no_grad()
def read_cut_weights(model: nn.Module, folder: Path) -> None:
    """Give a cut model the weights of a folder's safetensors files, of which each rank keeps its part."""
    parameters = dict(model.named_parameters())
    for name, value in _stored(folder, parameters):
        parameters[name].copy_(cut_as(value, parameters[name]))


def clip_cut_gradients(parameters: Iterable[nn.Parameter], most: float) -> torch.Tensor:
    """Scale the gradients of cut weights down to a norm of `most` over all ranks; return the norm before."""
    own = [parameter for parameter in parameters if parameter.grad is not None]
    with library_meeting():
        norm = nn.utils.get_total_norm([parameter.grad for parameter in own if parameter.grad is not None])
        whole: torch.Tensor = norm.full_tensor() if _is_cut(norm) else norm  # type: ignore[attr-defined]
    nn.utils.clip_grads_with_norm_(own, most, whole)
    return whole


def _is_cut(tensor: torch.Tensor) -> bool:
    if rank_count() == 1:
        return False
    from torch.distributed.tensor import DTensor  # which takes a run of one process nothing to load

    return isinstance(tensor, DTensor)


def _stored(folder: Path, wanted: Mapping[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the wanted tensors of a folder with one safetensors file, or several and an index."""
    index = folder / f"{_WEIGHTS}.index.json"
    names = json.loads(index.read_text(encoding="utf-8"))["weight_map"] if index.exists() else {}
    for file in sorted(set(names.values())) or [_WEIGHTS]:
        with safe_open(folder / file, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118 (it is no mapping)
                if name in wanted:
                    yield name, opened.get_tensor(name)
