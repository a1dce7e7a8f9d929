import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from src.commands.train import busy_cores as look
from src.commands.train.busy_cores import busy_cores, busy_cores_note, busy_measurement_note
from src.ranks.launcher import Launcher


@pytest.fixture(autouse=True)
def it_looks(monkeypatch):
    """Other tests do without."""
    monkeypatch.setattr(look, "busy_cores", busy_cores)


@pytest.mark.parametrize(
    ("load", "threads", "cores", "note"),
    [
        (0.3, 8, 8, None),
        (2.0, 4, 8, None),
        (
            3.0,
            8,
            8,
            "3.0 of 8 cores are busy and this run has 8 threads: "
            "training will be slow; OMP_NUM_THREADS=5 is faster here",
        ),
        (2.0, 1, 2, "2.0 of 2 cores are busy and this run has 1 thread: training will be slow"),
    ],
)
def test_more_threads_than_cores_are_said(load, threads, cores, note):
    assert busy_cores_note(load, threads, cores) == note


def test_threads_of_several_processes_share_what_is_free():
    assert busy_cores_note(0.0, 8, 8, 2) is None
    assert busy_cores_note(4.0, 8, 8, 2) == (
        "4.0 of 8 cores are busy and this run has 8 threads: training will be slow; OMP_NUM_THREADS=2 is faster here"
    )


@pytest.mark.long
def test_no_rank_counts_as_another_s_work(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[3]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    command = [sys.executable, "-m", "src.tests.ranks.member", "look_at_cores", str(tmp_path)]
    assert Launcher(command, 2).run() == (0, None)
    assert (tmp_path / "said").read_text() == "others: 0, threads: 2 of 2"


def test_a_core_that_computes_counts_and_others_do_not():
    core = max(os.sched_getaffinity(0))
    spins = f"import os; os.sched_setaffinity(0, [{core}]); print(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", spins], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline()
        # A look of 0.2 s is some 20 ticks of a clock that other machines on the host may hold up: one of many counts.
        seen = any(busy_cores({core}) >= 0.8 for _ in range(50))
        process.kill()
    assert seen
    assert busy_cores({core + 10_000}) == 0


def test_a_core_counts_by_its_share_and_only_where_it_is_ours(monkeypatch):
    monkeypatch.setattr(psutil, "cpu_percent", lambda seconds, percpu: [100.0, 7.0, 50.0, 3.0])
    assert busy_cores({0, 2}) == 1.5


def test_who_measures_a_busy_processor_is_told(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2})
    monkeypatch.setattr(psutil, "cpu_percent", lambda seconds, percpu: [100.0, 99.0, 50.0, 99.0])
    assert busy_measurement_note() == ("1.5 of 2 cores are busy: at rest this machine is faster; measure it again then")
    monkeypatch.setattr(psutil, "cpu_percent", lambda seconds, percpu: [10.0, 99.0, 50.0, 99.0])
    assert busy_measurement_note() is None
