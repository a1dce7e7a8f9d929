"""One of several processes that does what its argument names, for the tests of what ends them all.

python -m src.tests.ranks.member DEED [FOLDER]
"""

import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.distributed as dist

from src.commands.train.busy_cores import warn_busy_cores
from src.errors import YoyakError
from src.inference.dealt import dealt
from src.ranks import watch
from src.ranks.group import add_up, add_up_together, agreed, copy_from_first, gathered, library_meeting, own_rank
from src.ranks.joining import one_of_several
from src.ranks.place import place_of


def speak(folder):
    """All that ranks tell each other."""
    rank = own_rank()
    one, many = torch.tensor([1.0 + rank]), [torch.full((2,), 10.0 + rank), torch.full((3,), rank, dtype=torch.int64)]
    add_up([one])
    add_up_together(many)
    first = [torch.full((2, 2), float(rank)), torch.tensor([rank])]
    copy_from_first(first)
    told = [
        one.tolist(),
        *(tensor.tolist() for tensor in [*many, *first]),
        agreed(lambda: f"of {rank}"),
        gathered(rank),
    ]
    print("said by rank", rank)
    (folder / f"{rank}.json").write_text(json.dumps(told))


def fail(folder):
    if own_rank() == 1:
        raise YoyakError("the disk is full")
    gathered(None)


def fault(folder):
    if own_rank() == 1:
        raise LookupError("no such thing\nmore")
    gathered(None)


def be_killed(folder):
    if own_rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    gathered(None)


def sleep(folder):
    """The first rank waits in Python, not for the others."""
    if own_rank() == 1:
        raise YoyakError("the disk is full")
    time.sleep(100)


def load_late(folder):
    """What libraries load in a run's course keeps the group alive, unless it was loaded before."""
    importlib.import_module("torch.distributed.nn.functional")
    gathered(None)


def threads():
    return [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]


def keep_waiting(folder):
    if own_rank() == 1:
        time.sleep(100)
    gathered(None)


def work_at_length(folder):
    """The first rank makes something for all, then its summaries one after the other, and works on at the end."""
    first = own_rank() == 0

    def stream(prompts):
        for place, _ in enumerate(prompts):
            time.sleep(0.7 * first)
            yield place, "summary"

    agreed(lambda: time.sleep(4))
    dealt([[1]] * 10, stream)
    time.sleep(4 * first)


def look_at_cores(folder):
    """The second rank computes for a second and then rests; what others use is 1 while it does not."""
    working = folder / "working"
    cores = sys.modules["src.commands.train.busy_cores"]
    cores.busy_cores = lambda _: float(working.exists())
    cores.busy_cores_note = lambda load, threads, count, processes: (
        f"others: {load:.0f}, threads: {threads} of {processes}"
    )
    if own_rank() == 1:
        working.touch()
        time.sleep(1)
        working.unlink()
    said = SimpleNamespace(warning=(folder / "said").write_text)
    warn_busy_cores(said)


def keep_a_library_waiting(folder):
    """The first rank waits for the others in torch's own way, as FSDP2 does."""
    if own_rank() == 1:
        time.sleep(100)
    with library_meeting():
        dist.barrier()


def leave_a_library(folder):
    if own_rank() == 1:
        time.sleep(1)
        raise YoyakError("the disk is full")
    with library_meeting():
        dist.barrier()


def be_told_to_stop(folder):
    (folder / str(own_rank())).touch()
    time.sleep(100)


class Told(KeyboardInterrupt):
    exit_code = 143


def raise_told(*_):
    raise Told


if __name__ == "__main__":
    place = place_of()
    assert place is not None
    signal.signal(signal.SIGTERM, raise_told)
    watch._LOOK_SECONDS = float(os.environ.get("LOOK", watch._LOOK_SECONDS))
    try:
        with one_of_several(place, float(os.environ.get("WAIT", "1"))):
            globals()[sys.argv[1]](Path(sys.argv[2]))
        (Path(sys.argv[2]) / f"threads_{place.rank}.json").write_text(json.dumps(threads()))
    except KeyboardInterrupt as stop:
        sys.exit(stop.exit_code)
