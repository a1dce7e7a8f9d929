"""What of layers waits in the host's memory for their backward, and goes there and back while layers compute.

Of long micro-batches through many layers their inputs are most of what the layers keep that compute the rest again:
10.7 GB of 8,192 tokens in Llama-3-70B. What the first two products of a layer give waits there besides, where the host
has room, so that these needn't be computed again. Of each, two stages on the GPU stand between: a tensor is copied into
one of them and goes on to the host from there, and comes back into one of them while the layer after it computes. So no
tensor is held longer than the layer that it belongs to, and each copy waits only for what used its stage before.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch

from ..errors import YoyakError
from ..models.free_memory import free_bytes
from ..ranks.group import rank_count
from .layer_state import KnownStates, Saved

Again: TypeAlias = Callable[[], KnownStates]
"""Gives back what a layer's backward begins with, when it comes."""
_STAGES = 2


def as_it_is(saved: Saved) -> Again:
    """Let a layer's input wait where it is."""
    known = KnownStates(saved.hidden)
    return lambda: known


class HostInputs:
    """The inputs of layers and, where the host has room, the outputs of their first two products.

    Attributes:
        inputs: a stack of the inputs; `mixed` and `projected` likewise of the products' outputs (`KnownStates`).
    """

    def __init__(self, device: torch.device, columns: Sequence[int]) -> None:
        """Take the device that computes, and each layer's columns of its first product's output."""
        self._columns = columns
        self.inputs, self.mixed, self.projected = (HostStack(device) for _ in range(3))
        self._waits_mixed = self._waits_projected = False

    @property
    def stacks(self) -> "tuple[HostStack, HostStack, HostStack]":
        """Return all stacks."""
        return self.inputs, self.mixed, self.projected

    def begin(self, hidden: torch.Tensor) -> tuple[Callable[[Saved], Again], Callable[[torch.Tensor], None] | None]:
        """Drop what is there, of a forward that no backward has followed; return what takes a layer's tensors.

        Args:
            hidden: the first layer's input, (tokens, width).

        Returns:
            What takes inputs and second products' outputs, to be called after a layer's forward, and what takes its
            first product's output before, None where the host has no room for these.
        """
        for stack in self.stacks:
            stack.begin()
        width, column = hidden.shape[1], len(hidden) * hidden.element_size()
        self._waits_projected = self.projected.has_room([column * width] * len(self._columns))
        self._waits_mixed = self.mixed.has_room([column * columns for columns in self._columns])
        return self._put, self.mixed.put if self._waits_mixed else None

    def _put(self, saved: Saved) -> Again:
        self.inputs.put(saved.hidden)
        if self._waits_projected:
            self.projected.put(saved.projected)
        return self._take

    def _take(self) -> KnownStates:
        return KnownStates(
            self.inputs.take(),
            self.mixed.take() if self._waits_mixed else None,
            self.projected.take() if self._waits_projected else None,
        )


class HostStack:
    """A stack of tensors, all but the last two in the host's memory.

    On a CPU, where nothing is gained, the same is done without streams.
    """

    def __init__(self, device: torch.device) -> None:
        """Make an empty stack, which takes memory at its first use."""
        on_gpu = device.type == "cuda"
        self._device, self._pinned = device, on_gpu
        self._streams: Any = torch.cuda if on_gpu else torch.cpu
        self._copying = self._streams.Stream()
        self._free = [self._streams.Event() for _ in range(_STAGES)]  # nothing before it uses the stage any more
        self._copied = [self._streams.Event() for _ in range(_STAGES)]  # what is in the stage, or has left it
        self._stages = [torch.empty(0)] * _STAGES
        self._inside: list[int | None] = [None] * _STAGES  # whose values a stage holds, or gets
        self._hosts: list[torch.Tensor] = []
        self._shapes: list[torch.Size] = []  # of what is in the stack

    def __len__(self) -> int:
        """Return how many tensors are in the stack."""
        return len(self._shapes)

    def begin(self) -> None:
        """Drop what is there."""
        self._shapes, self._inside = [], [None] * _STAGES

    def has_room(self, sizes: Sequence[int]) -> bool:
        """Tell whether tensors of so many bytes, of each process, take at most half of what the host has free.

        Memory that the stack has taken already is not asked for again.
        """
        more = _pinned(sizes) - _pinned([host.nbytes for host in self._hosts])
        return more <= 0 or more * rank_count() <= free_bytes(torch.device("cpu")) // 2

    def put(self, values: torch.Tensor) -> None:
        """Lay a tensor's values on the stack, which the tensor is not needed for any more.

        Raises:
            YoyakError: the host has too little memory.
        """
        number = len(self._shapes)
        place, host = number % _STAGES, self._host(number, values)
        self._copied[place].wait(self._streams.current_stream())
        self._make_room(place, values)
        stage = self._stage(place, values.shape)
        stage.copy_(values)
        self._begin_copy(place, stage, host)
        self._inside[place] = number
        self._shapes.append(values.shape)

    def take(self) -> torch.Tensor:
        """Return the values laid there last, which stand until the next call, and let those before them come.

        They may be overwritten.
        """
        number, shape = len(self._shapes) - 1, self._shapes[-1]
        self._load(number)
        if number:
            self._load(number - 1)
        self._shapes.pop()
        place = number % _STAGES
        self._copied[place].wait(self._streams.current_stream())
        return self._stage(place, shape)

    def _load(self, number: int) -> None:
        place, shape = number % _STAGES, self._shapes[number]
        if self._inside[place] != number:
            self._inside[place] = number
            self._begin_copy(place, self._hosts[number][: shape.numel()].view(shape), self._stage(place, shape))

    def _begin_copy(self, place: int, source: torch.Tensor, target: torch.Tensor) -> None:
        """Copy beside what is asked of the GPU from here on, after all that was asked before."""
        self._free[place].record(self._streams.current_stream())
        with self._streams.stream(self._copying):
            self._free[place].wait(self._copying)
            target.copy_(source, non_blocking=True)
            self._copied[place].record(self._copying)

    def _make_room(self, place: int, like: torch.Tensor) -> None:
        """Make a stage large enough for a tensor; the copies from and to it are done."""
        if self._stages[place].numel() < like.numel() or self._stages[place].dtype != like.dtype:
            self._stages[place] = torch.empty(0)
            self._stages[place] = torch.empty(like.numel(), dtype=like.dtype, device=self._device)

    def _stage(self, place: int, shape: torch.Size) -> torch.Tensor:
        return self._stages[place][: shape.numel()].view(shape)

    def _host(self, number: int, like: torch.Tensor) -> torch.Tensor:
        """Return the place of a tensor in the host's memory, pinned for copies that the processor needn't wait for."""
        if number == len(self._hosts):
            self._hosts.append(torch.empty(0))
        if self._hosts[number].numel() < like.numel() or self._hosts[number].dtype != like.dtype:
            self._hosts[number] = self._host_memory(like)
        return self._hosts[number][: like.numel()].view(like.shape)

    def _host_memory(self, like: torch.Tensor) -> torch.Tensor:
        try:
            return torch.empty(like.numel(), dtype=like.dtype, pin_memory=self._pinned)
        except RuntimeError as error:  # CUDA's for pinned memory has no type of its own
            size = f"{like.numel() * like.element_size() / 1e9:.2f}"
            raise YoyakError(
                f"the host's memory has no room for the layers' inputs, {size} GB a layer and process: lower "
                "training.micro_batch_tokens"
            ) from error


def _pinned(sizes: Sequence[int]) -> int:
    """Return the bytes that tensors take in pinned memory, of which torch takes powers of two."""
    return sum(1 << (size - 1).bit_length() for size in sizes if size)
