"""What ends a run of several processes: the first rank that fails says so to all others, by the store."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import YoyakError

_FAILED = "failed"
STOPPED = 128
"""Exit codes from here on are those of signals."""


@dataclass(frozen=True)
class Failure:
    """Which rank ended a run and why.

    Attributes:
        rank: that failed.
        count: of ranks.
        why: in words.
        code: that the command exits with.
        trace: of an unexpected fault, for `--debug-errors`.
    """

    rank: int
    count: int
    why: str
    code: int = 1
    trace: str = ""

    def sentence(self) -> str:
        """Return the one line that is said of it."""
        return f"rank {self.rank} of {self.count}: {self.why}"


class RankFailedError(YoyakError):
    """Another rank has ended the run, or this one has, which has been said."""

    def __init__(self, failure: Failure) -> None:
        """Keep what happened."""
        super().__init__(failure.sentence())
        self.failure = failure


class RankStopped(KeyboardInterrupt):
    """Another rank was told to stop by a signal before there was a state to save."""

    def __init__(self, failure: Failure) -> None:
        """Keep the exit code of the signal."""
        super().__init__(failure.sentence())
        self.exit_code = failure.code


def claim(store: Any, failure: Failure) -> Failure:
    """Put a failure into the store where there is none yet; return the first one."""
    return _from_json(store.compare_set(_FAILED, "", json.dumps(asdict(failure))))


def failure_in(store: Any) -> Failure | None:
    """Return the failure that the store holds."""
    return _from_json(store.get(_FAILED)) if store.check([_FAILED]) else None


def _from_json(text: bytes) -> Failure:
    return Failure(**json.loads(text))


def raise_failure(failure: Failure) -> None:
    """Raise what ends this process, since `failure` has ended the run."""
    raise RankStopped(failure) if failure.code >= STOPPED else RankFailedError(failure)
