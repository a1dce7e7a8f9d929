"""The process that takes a run from the queue and becomes its command: `python -m src.web.claim RUNS KEY PROGRAM...`.

A studio that is killed after starting it has lost nothing, and of two studios that start it for the same run, or for
two runs, one succeeds: all that counts happens here, under the queue's lock.
"""

import os
import sys
from pathlib import Path

from .place import Place
from .processes import Processes, write_start
from .under_way import is_taken
from .waiting import WaitingRuns


def claim_waiting(place: Place, key: str) -> bool:
    """Take a run from the queue, with this process as what it was started by; False where it can't begin any more."""
    with WaitingRuns(place).changing() as runs:
        one = next((one for one in runs if one.key == key.rpartition("-")[2]), None)
        if one is None or is_taken(place, Processes(place)):
            return False
        write_start(place, key, one.kind, one.about, one.words, os.getpid())
        runs.remove(one)
    return True


def main() -> None:
    """Claim, and become the program."""
    _, runs, key, *command = sys.argv
    if claim_waiting(Place(Path(runs)), key):
        os.execv(command[0], command)


if __name__ == "__main__":
    main()
