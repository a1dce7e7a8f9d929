"""What the ranks of a run tell each other in a step: the sum of the gradients, the loss, and what all must know."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ...ranks.group import add_up, add_up_together, own_rank, rank_count

_OF_EACH = 3  # numbers that each rank tells: its signal, how much it computes at a time, whether it keeps activations


@dataclass(frozen=True)
class Notices:
    """What was told in a step.

    Attributes:
        signal: number of one that told a rank to stop, or None.
        most: examples or tokens that the rank with the least memory computes at a time; None where all had enough.
        recomputes: whether one has given up keeping activations.
    """

    signal: int | None = None
    most: int | None = None
    recomputes: bool = False


class StepExchange:
    """Meets the other ranks once a step.

    Attributes:
        notices: the newest that all ranks know: on a GPU those of the step before, since the host runs ahead of it.
    """

    def __init__(self, device: torch.device) -> None:
        """Prepare to meet on a device."""
        self.device = device
        self.notices = Notices()
        self._own: torch.Tensor | None = None  # what this rank tells, and as it lies on the device
        self._words: list[float] = []
        self._told: torch.Tensor | None = None  # in pinned memory, once there is anything in it
        self._arrived: torch.cuda.Event | None = None

    def meet(
        self,
        gradients: Sequence[torch.Tensor],
        loss: torch.Tensor,
        signal: int | None,
        most: int | None,
        recomputes: bool,
    ) -> torch.Tensor:
        """Add up gradients, in place, and losses of all ranks; return the loss.

        Args:
            gradients: of this rank's examples, a buffer or one of each parameter.
            loss: of them, a scalar.
            signal: that told this rank to stop.
            most: how much it computes at a time since memory ran out.
            recomputes: whether it keeps no activations since then.
        """
        add_up(gradients) if len(gradients) == 1 else add_up_together(gradients)
        first = 1 + own_rank() * _OF_EACH
        told = [0.0] * (1 + rank_count() * _OF_EACH)
        told[first : first + _OF_EACH] = [float(signal or 0), float(most or 0), float(recomputes)]
        if self._own is None or told != self._words:  # seldom: the copy waits for the GPU's work
            self._own, self._words = torch.tensor(told, dtype=torch.float64, device=self.device), told
        message = self._own.clone()
        message[0] = loss
        add_up([message])
        self._take(message)
        return message[0].to(loss.dtype)

    def _read(self) -> None:
        if self._told is not None and self._arrived is not None:
            self._arrived.synchronize()
            self.notices = _notices(self._told)

    def _take(self, message: torch.Tensor) -> None:
        if message.is_cuda:
            self._read()  # of the step before: the wait for this one's would leave the GPU without work
            if self._told is None or self._arrived is None:
                self._told = torch.empty(message.shape, dtype=message.dtype, pin_memory=True)
                self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._told.copy_(message, non_blocking=True)
            self._arrived.record()
        else:
            self.notices = _notices(message)


def _notices(message: torch.Tensor) -> Notices:
    words = message[1:].tolist()
    signal, least = int(max(words[::_OF_EACH])), [int(most) for most in words[1::_OF_EACH] if most]
    return Notices(signal or None, min(least, default=None), any(words[2::_OF_EACH]))
