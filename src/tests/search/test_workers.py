"""Several processes on one search."""

import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from src.search import workers
from src.search.workers import deciding, is_free
from src.tests.lock_holder import holder

ROOT = Path(__file__).resolve().parents[3]
WORKER = """
import sys
from pathlib import Path
from src.search.workers import deciding, working
folder = Path(sys.argv[1])
with working(folder) as worker:
    print(worker.name, flush=True)
    input()
    with deciding(folder):
        print(worker.is_last(), flush=True)
    input()
"""


def test_what_holds_a_trial(tmp_path, monkeypatch):
    """A claim, or the run of who was killed. Of a claimed trial the run's lock is let be: to try it is to take it."""
    tried = []
    take = workers.run_lock
    monkeypatch.setattr(workers, "run_lock", lambda place: tried.append(place.name) or take(place))
    (tmp_path / ".trial_0003.lock").touch()  # left by who was killed
    with ExitStack() as others:
        for place in (tmp_path / ".claims", tmp_path):
            others.enter_context(holder(place / "trial_0001"))
        others.enter_context(holder(tmp_path / "trial_0002"))
        assert workers.held_trials(tmp_path) == {"trial_0001", "trial_0002"}
    assert sorted(tried) == ["trial_0001", "trial_0002", "trial_0003"]
    assert workers.held_trials(tmp_path) == set()


def test_a_folder_that_was_removed_meanwhile_is_held_anew(tmp_path, monkeypatch):
    """Who began a search holds the folder, fails, and removes it, while another one waits; a third sees the new one."""
    folder, flock, asked = tmp_path / "found_search", fcntl.flock, []

    def wait(descriptor, operation):
        if not asked:
            shutil.rmtree(folder)
        asked.append(operation)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", wait)
    with deciding(folder), (folder / ".deciding.lock").open() as third, pytest.raises(BlockingIOError):
        flock(third, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert len(asked) == 2


def test_of_two_that_end_together_one_is_the_last(tmp_path):
    """The second asks while the first, which has left the search to it, is still on its way out."""
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    processes = [subprocess.Popen(command, **pipes) for _ in range(2)]
    names = [worker.stdout.readline().strip() for worker in processes]
    assert [is_free(tmp_path, name) for name in names] == [False, False]
    found = []
    for worker in processes:
        worker.stdin.write("\n")
        worker.stdin.flush()
        found.append(worker.stdout.readline().strip())
    assert found == ["False", "True"]
    assert [is_free(tmp_path, name) for name in names] == [True, False]
    for worker in processes:
        worker.communicate("\n")
        assert worker.returncode == 0
    assert [is_free(tmp_path, name) for name in names] == [True, True]


def test_who_begins_while_another_ends_the_search_says_that_it_waits(tmp_path, monkeypatch):
    """Averages and a refining take minutes; a decision takes none."""
    monkeypatch.setattr(workers, "_MOMENT_SECONDS", 0.1)
    said = []
    descriptor = os.open(tmp_path / ".deciding.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    def waits():
        said.append("waits")
        os.close(descriptor)

    with workers.working(tmp_path, waits), deciding(tmp_path, waits):
        assert said == ["waits"]
