"""Workers: what they make in its order, and what becomes of one that fails, hangs, or loses its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from src.errors import YoyakError
from src.evaluation import workers as module
from src.evaluation.workers import ScoringWorkers

ROOT = Path(__file__).resolve().parents[3]
# A script that is not guarded against being imported: it starts workers, and would again in each.
SCRIPT = """
from src.evaluation.workers import ScoringWorkers
from src.tests.evaluation.test_workers import lengths
print("begins", flush=True)
with ScoringWorkers("lengths", 2) as workers:
    print(workers.map(lengths, ["a", "bb", "ccc"]), flush=True)
    import time; time.sleep(WAIT)
"""


def lengths(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


def _dies(*_: object) -> list[int]:
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def _hangs(*_: object) -> list[int]:
    signal.pause()
    return []


def _refuses(*_: object) -> list[int]:
    raise YoyakError("no score for this")


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in str(process.cmdline())
    except psutil.NoSuchProcess:  # it has ended, and nobody has asked how
        return False


def script(path: Path, wait: float) -> "subprocess.Popen[str]":
    path.write_text(SCRIPT.replace("WAIT", str(wait)))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, str(path)], env=environment, stdout=subprocess.PIPE, text=True)


def test_parts_come_in_their_order() -> None:
    texts = ["a" * number for number in range(70)]
    with ScoringWorkers("lengths", 2) as workers:
        assert workers.map(lengths, texts) == list(range(70))
        assert workers.map(lengths, []) == []


def test_one_that_dies_is_an_error_in_words() -> None:
    with ScoringWorkers("lengths", 1) as workers:
        for _ in range(2):
            with pytest.raises(YoyakError, match=r"^a process that makes lengths has died \(out of memory\?\); free"):
                workers.map(_dies, ["a"])


@pytest.mark.long
def test_one_that_hangs_too_and_it_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SECONDS", 5)
    with ScoringWorkers("lengths", 1) as workers:
        with pytest.raises(YoyakError, match=r"^lengths were not there after 5 s: a worker hangs$"):
            workers.map(_hangs, ["a"])
        left = [child for child in psutil.Process().children() if _is_worker(child)]
        assert psutil.wait_procs(left, timeout=10)[1] == []


def test_its_own_errors_come_as_they_are() -> None:
    with ScoringWorkers("lengths", 1) as workers, pytest.raises(YoyakError, match=r"^no score for this$"):
        workers.map(_refuses, ["a"])


def test_the_script_that_asks_is_not_run_again(tmp_path: Path) -> None:
    out, _ = script(tmp_path / "script.py", 0).communicate(timeout=300)
    assert out == "begins\n[1, 2, 3]\n"


def test_they_end_where_the_process_is_killed(tmp_path: Path) -> None:
    process = script(tmp_path / "script.py", 600)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["begins\n", "[1, 2, 3]\n"]
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while any(child.is_running() for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [child for child in children if child.is_running()] == []
