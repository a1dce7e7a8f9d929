"""A trial whose memory runs out since others hold it is put back: its settings are not to blame."""

import errno
import time

from ...errors import MemoryFullError, YoyakError
from ...inference.batches import is_out_of_memory
from ...models.free_memory import resident_bytes, room_bytes
from ...search.memory_taken import MemoryShortage
from ...search.study import TrialRecord
from .context import Search
from .reasons import GivenUpError

PUT_BACK = "put_back"
"""In a trial's record: what was free, and what was planned, each time that it was put back."""
MOST_IN_A_ROW = 3
"""Parts of trials that memory which others hold may end, one after another, before a worker gives up."""
_WAIT_SECONDS, _LOOK_SECONDS = 60.0, 1.0
_WORDS = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_NOT_INITIALIZED")
"""Of what CUDA takes outside torch's allocator."""


class MemoryTakenError(YoyakError):
    """Memory that a trial was to take is held by other processes."""

    def __init__(self, number: int, shortage: MemoryShortage) -> None:
        """Say that the trial is put back."""
        super().__init__(
            f"Trial {number} is put back, not failed: memory that other processes hold ran out ({shortage})"
        )
        self.number, self.shortage = number, shortage

    def last_word(self, times: int) -> GivenUpError:
        """Return the error of a worker that gives up."""
        return GivenUpError(
            f"memory that other processes hold ran out {times} times in a row, the last time in trial {self.number} "
            f"({self.shortage}); end them, or set CUDA_VISIBLE_DEVICES to another card, and the same command goes on"
        )


def is_memory_full(error: BaseException) -> bool:
    """Tell whether an error means that memory ran out, whoever had it."""
    known = isinstance(error, MemoryFullError | MemoryError) or is_out_of_memory(error)
    refused = isinstance(error, OSError) and error.errno == errno.ENOMEM
    return known or refused or any(words in str(error) for words in _WORDS)


def blamed(search: Search, trial: TrialRecord, error: Exception, resident_before: int) -> YoyakError:
    """Return the error of a trial whose memory has just run out; that others held it is kept in the trial's record."""
    assert trial.units is not None
    device = search.machine.device
    short = MemoryShortage(device.name, device.memory_bytes, room_bytes(resident_before), trial.units.memory_bytes)
    if short.is_of_others:
        search.study.note(trial.number, PUT_BACK, [*trial.attributes.get(PUT_BACK, []), short.as_json()])
        return MemoryTakenError(trial.number, short)
    return error if isinstance(error, YoyakError) else YoyakError(f"memory ran out ({short})")


def wait_for_memory(shortage: MemoryShortage) -> None:
    """Wait a minute at the most until what was planned is free."""
    end = time.monotonic() + _WAIT_SECONDS
    while room_bytes(resident_bytes()) < shortage.planned_bytes and time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)
