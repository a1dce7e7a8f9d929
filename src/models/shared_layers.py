"""Frozen 4-bit weights that no GPU holds whole: each rank keeps a part of every layer and gathers it ahead of use.

A layer's packed weights and their scales lie in one row of bytes, of which every rank holds an equal part. Two buffers
hold whole layers, the even ones in one and the odd ones in the other: while a layer computes, the next one's bytes
come in, 4 bits a weight. What reads a weight reads its place in the buffer, whichever engine it belongs to.

All ranks have to pass through the layers equally often.
"""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from ..errors import YoyakError
from ..ranks.group import begin_gathering, own_rank, rank_count
from .causal_head import without_wrapper
from .dequantized import linear4bit_layers

_ALIGNED = 256  # bytes, at a multiple of which each tensor begins
_BUFFERS = 2
_SHARED: "WeakKeyDictionary[nn.Module, SharedLayers]" = WeakKeyDictionary()


class SharedLayers:
    """The layers of a model whose 4-bit weights are cut over the ranks.

    Attributes:
        gathered: how many times a layer was.
    """

    def __init__(self, layers: nn.ModuleList, device: torch.device) -> None:
        """Cut the 4-bit weights of layers, wherever they are now, and put this rank's part on `device`."""
        self.gathered = 0
        self._inside: list[int | None] = [None] * _BUFFERS  # the layer that a buffer holds, or that comes into it
        self._waits: list[Callable[[], None] | None] = [None] * _BUFFERS
        self._parts: list[torch.Tensor] = []
        sizes = [sum(_room(tensor) for _, _, tensor in _tensors(layer)) for layer in layers]
        sizes = [-(-size // (rank_count() * _ALIGNED)) * rank_count() * _ALIGNED for size in sizes]
        buffers = [torch.zeros(max(sizes), dtype=torch.uint8, device=device) for _ in range(_BUFFERS)]
        self._wholes = [buffers[number % _BUFFERS][:size] for number, size in enumerate(sizes)]
        for number, layer in enumerate(layers):
            self._parts.append(self._cut(layer, self._wholes[number]))
            layer.register_forward_pre_hook(self._before_forward(number))
            layer.register_forward_hook(self._before_backward(number))

    def __len__(self) -> int:
        """Return the number of layers."""
        return len(self._parts)

    def need(self, number: int, ahead: int) -> None:
        """Have a layer's weights in their place, and begin to gather those of `ahead`, if there is such a layer."""
        self._begin(number)
        wait, self._waits[number % _BUFFERS] = self._waits[number % _BUFFERS], None
        if wait is not None:
            wait()
        if 0 <= ahead < len(self):
            self._begin(ahead)

    def pass_through(self) -> None:
        """Gather all layers forward and back, as a micro-batch does, for ranks that have one more."""
        for number in range(len(self)):
            self.need(number, number + 1)
        for number in reversed(range(len(self))):
            self.need(number, number - 1)

    def _begin(self, number: int) -> None:
        place = number % _BUFFERS
        if self._inside[place] == number:
            return
        self._inside[place], self.gathered = number, self.gathered + 1
        self._waits[place] = begin_gathering(self._wholes[number], self._parts[number])

    def _before_forward(self, number: int) -> Callable[..., None]:
        return lambda *_: self.need(number, number + 1)

    def _before_backward(self, number: int) -> Callable[..., None]:
        def watch(_: nn.Module, __: Any, output: Any) -> None:
            states = output[0] if isinstance(output, tuple) else output
            if states.requires_grad:
                states.register_hook(lambda _: self.need(number, number - 1))

        return watch

    def _cut(self, layer: nn.Module, whole: torch.Tensor) -> torch.Tensor:
        """Give a layer's weights their places in a buffer; return this rank's part of their bytes."""
        row, first = torch.zeros(len(whole), dtype=torch.uint8), 0
        for owner, name, tensor in _tensors(layer):
            size = tensor.nbytes
            row[first : first + size] = tensor.contiguous().view(-1).view(torch.uint8).cpu()
            place = whole[first : first + size].view(tensor.dtype).view(tensor.shape)
            setattr(owner, name, place)
            first += _room(tensor)
        part = row.chunk(rank_count())[own_rank()]
        return part.to(whole.device, copy=True)


def share_layers(causal_lm: Any, device: torch.device | str) -> None:
    """Cut the 4-bit weights of a model's layers over the ranks, and put all else of it on `device`.

    Raises:
        YoyakError: the model has no layers that can be gathered one after the other.
    """
    device = torch.device(device)
    for layer in linear4bit_layers(causal_lm):
        state = layer.weight.quant_state
        for owner in (state, state.state2 if state.nested else None):
            if owner is not None:
                owner.code = owner.code.to(device)
        if state.nested:
            state.offset = state.offset.to(device)
    layers = getattr(causal_lm.get_decoder(), "layers", None)
    if not isinstance(layers, nn.ModuleList):
        raise YoyakError(
            f"training.sharding = weights: {type(causal_lm).__name__} has no list of layers to cut; set it to none"
        )
    shared = SharedLayers(layers, device)
    for tensor in (*causal_lm.parameters(), *causal_lm.buffers()):
        tensor.data = tensor.data.to(device)
    if getattr(causal_lm, "hf_device_map", None):  # by which accelerate judges where it is
        causal_lm.hf_device_map = {"": 0 if device.type == "cuda" else device.type}
    _SHARED[causal_lm] = shared


def shared_layers_of(model: Any) -> SharedLayers | None:
    """Return the layers of a model, with or without its adapter, where they are cut over the ranks."""
    return _SHARED.get(without_wrapper(model))


def _tensors(layer: nn.Module) -> list[tuple[Any, str, torch.Tensor]]:
    """Return of each 4-bit weight of a layer its bytes and scales: who holds them, by which name, and the tensor."""
    found: list[tuple[Any, str, torch.Tensor]] = []
    for linear in linear4bit_layers(layer):
        state = linear.weight.quant_state
        found += [(linear.weight, "data", linear.weight.data), (state, "absmax", state.absmax)]
        if state.nested:
            found.append((state.state2, "absmax", state.state2.absmax))
    return found


def _room(tensor: torch.Tensor) -> int:
    return -(-tensor.nbytes // _ALIGNED) * _ALIGNED
