"""Inputs of layers that wait in the host's memory for their backward, and go there and back while layers compute.

Of long micro-batches through many layers these inputs are most of what the layers keep that compute the rest again:
10.7 GB of 8,192 tokens in Llama-3-70B. Two stages on the GPU stand between: what a layer reads is copied into one of
them and goes on to the host from there, and comes back into one of them while the layer after it computes. So no
tensor is held longer than the layer that it belongs to, and each copy waits only for what used its stage before.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch

from ..errors import YoyakError

Input: TypeAlias = Callable[[], torch.Tensor]
"""Gives a layer's input back, when its backward comes."""
_STAGES = 2


def as_it_is(values: torch.Tensor) -> Input:
    """Let a tensor wait where it is."""
    return lambda: values


class HostInputs:
    """A stack of tensors of one shape, all but the last two in the host's memory.

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
        self._stages: list[torch.Tensor] = []
        self._inside: list[int | None] = [None] * _STAGES  # whose values a stage holds, or gets
        self._hosts: list[torch.Tensor] = []
        self._count, self._shape = 0, torch.Size()

    def __len__(self) -> int:
        """Return how many tensors are in the stack."""
        return self._count

    def begin(self) -> Callable[[torch.Tensor], Input]:
        """Drop what is there, of a forward that no backward has followed; return `put`."""
        self._count, self._inside = 0, [None] * _STAGES
        return self.put

    def put(self, values: torch.Tensor) -> Input:
        """Lay a tensor's values on the stack, which the tensor is not needed for any more; return what takes them.

        Raises:
            YoyakError: the host has too little memory.
        """
        number, place = self._count, self._count % _STAGES
        if not number:
            self._make_room(values)
        stage, host = self._stage(place), self._host(number, values)
        self._copied[place].wait(self._streams.current_stream())
        stage.copy_(values)
        self._begin_copy(place, stage, host)
        self._inside[place], self._count = number, number + 1
        return self.take

    def take(self) -> torch.Tensor:
        """Return the values laid there last, which stand until the next call, and let those before them come."""
        self._count -= 1
        number, place = self._count, self._count % _STAGES
        self._load(number)
        if number:
            self._load(number - 1)
        self._copied[place].wait(self._streams.current_stream())
        return self._stage(place)

    def _load(self, number: int) -> None:
        place = number % _STAGES
        if self._inside[place] != number:
            self._inside[place] = number
            self._begin_copy(place, self._hosts[number][: self._shape.numel()].view(self._shape), self._stage(place))

    def _begin_copy(self, place: int, source: torch.Tensor, target: torch.Tensor) -> None:
        """Copy beside what is asked of the GPU from here on, after all that was asked before."""
        self._free[place].record(self._streams.current_stream())
        with self._streams.stream(self._copying):
            self._free[place].wait(self._copying)
            target.copy_(source, non_blocking=True)
            self._copied[place].record(self._copying)

    def _make_room(self, like: torch.Tensor) -> None:
        self._shape, count = like.shape, like.numel()
        if not self._stages or self._stages[0].numel() < count or self._stages[0].dtype != like.dtype:
            self._streams.current_stream().wait_stream(self._copying)  # of the old ones, whose memory is given back
            self._stages = []
            self._stages = [torch.empty(count, dtype=like.dtype, device=self._device) for _ in range(_STAGES)]

    def _stage(self, place: int) -> torch.Tensor:
        return self._stages[place][: self._shape.numel()].view(self._shape)

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
