"""What of a training outside the weights decides how it goes on, as tensors (safetensors) and facts (JSON).

Floats survive JSON bit for bit; optimizer states and random states that are tensors stay tensors, in their own type.
"""

import random
from typing import Any, Protocol

import numpy as np
import torch

from ..several.cut_weights import cut_as, whole_on_first

Tensors = dict[str, torch.Tensor]
Facts = dict[str, Any]


class Stateful(Protocol):
    """What is saved with each checkpoint: its state is a dict that JSON can hold."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take a state back."""
        ...


def optimizer_state(optimizer: torch.optim.Optimizer) -> tuple[Tensors, Facts]:
    """Return an optimizer's state, parameters numbered in the order of its groups; cut states whole on the first rank.

    `places` tells of each tensor where it belongs: `cpu`, `parameter` (that device), or `paged` (bitsandbytes).
    """
    if torch.cuda.is_available():
        torch.cuda.synchronize()  # paged states are read through memory that the GPU may still be writing
    tensors: Tensors = {}
    others: dict[str, Facts] = {}
    places: dict[str, str] = {}
    for number, parameter in enumerate(_parameters(optimizer)):
        for name, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, torch.Tensor):
                key = f"{number}.{name}"
                tensors[key] = whole_on_first(value)
                paged = getattr(value, "is_paged", False)
                same = value.device == parameter.device
                places[key] = "paged" if paged else "parameter" if same else "cpu"
            else:
                others.setdefault(str(number), {})[name] = value
    groups = [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]
    return tensors, {"groups": groups, "others": others, "places": places}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors, facts: Facts) -> None:
    """Give an optimizer of the same parameters its state back, in the types it had (torch's own way casts some)."""
    for group, saved in zip(optimizer.param_groups, facts["groups"], strict=True):
        for name, value in saved.items():
            group[name] = tuple(value) if isinstance(group.get(name), tuple) else value
    parameters = _parameters(optimizer)
    optimizer.state.clear()
    for key, tensor in tensors.items():
        number, name = key.split(".", 1)
        parameter = parameters[int(number)]
        place = facts["places"][key]
        if place == "paged":
            buffer = optimizer.get_state_buffer(parameter, dtype=tensor.dtype)  # type: ignore[attr-defined]
            torch.cuda.synchronize()  # the GPU fills it with zeros first
            optimizer.state[parameter][name] = buffer.copy_(tensor)
        else:
            # A copy: tensors of a safetensors file lie wherever the file has them, and kernels care for alignment.
            device = parameter.device if place == "parameter" else torch.device("cpu")
            optimizer.state[parameter][name] = cut_as(tensor.to(device, copy=True), parameter)
    for number, values in facts["others"].items():
        optimizer.state[parameters[int(number)]].update(values)


def random_states() -> tuple[Tensors, Facts]:
    """Return the states of Python's, NumPy's and torch's generators of random numbers (CPU and CUDA)."""
    version, words, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    facts = {
        "python": [version, list(words), gauss],
        "numpy": [kind, np.asarray(keys).tolist(), int(position), int(has_gauss), float(cached)],
    }
    tensors = {"cpu": torch.random.get_rng_state()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        tensors["cuda"] = torch.cuda.random.get_rng_state()
    return tensors, facts


def restore_random_states(tensors: Tensors, facts: Facts) -> None:
    """Set the generators to states of `random_states`."""
    version, words, gauss = facts["python"]
    random.setstate((version, tuple(words), gauss))
    kind, keys, position, has_gauss, cached = facts["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), position, has_gauss, cached))
    torch.random.set_rng_state(tensors["cpu"].clone())
    if "cuda" in tensors and torch.cuda.is_available():
        torch.cuda.random.set_rng_state(tensors["cuda"].clone())


def _parameters(optimizer: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
