"""Processes that the launcher starts on the CPU: what they tell each other, and that all end where one does."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from src.ranks import launcher
from src.ranks.failure import Failure
from src.ranks.launcher import Launcher

ROOT = Path(__file__).resolve().parents[3]
LONGEST = 30  # seconds in which all have to end


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def run(deed, folder, count=2):
    return Launcher([sys.executable, "-m", "src.tests.ranks.member", deed, str(folder)], count).run()


@pytest.mark.long
def test_three_ranks_speak_with_each_other(tmp_path, capfd):
    assert run("speak", tmp_path, 3) == (0, None)
    told = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(3)]
    assert told[0] == told[1] == told[2]
    assert told[0] == [[6.0], [33.0] * 2, [3] * 3, [[0.0] * 2] * 2, [0], "of 0", [0, 1, 2]]
    assert capfd.readouterr().out == "said by rank 0\n"


@pytest.mark.long
def test_no_thread_of_the_group_is_left_to_crash_the_interpreter_s_end(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("LOOK", "0")  # the watch asks the store without a pause
    assert run("load_late", tmp_path) == (0, None)
    left = [json.loads((tmp_path / f"threads_{rank}.json").read_text()) for rank in (0, 1)]
    assert not [name for names in left for name in names if "gloo" in name]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("deed", "failure"),
    [
        pytest.param("fail", Failure(1, 2, "the disk is full", 2), marks=pytest.mark.slow),  # as `fault` and `sleep`
        ("fault", Failure(1, 2, "unexpected LookupError: no such thing", 1)),
        ("be_killed", Failure(1, 2, "was killed (SIGKILL), by someone or since the machine's memory was full", 1)),
        ("sleep", Failure(1, 2, "the disk is full", 2)),
        pytest.param("leave_a_library", Failure(1, 2, "the disk is full", 2), marks=pytest.mark.slow),
    ],
)
@pytest.mark.long
def test_all_end_where_one_does_and_its_number_and_reason_are_known(tmp_path, capfd, deed, failure):
    began = time.monotonic()
    assert run(deed, tmp_path) == (failure.code, failure)
    assert time.monotonic() - began < LONGEST
    assert "Traceback" not in capfd.readouterr().err


def test_who_is_killed_is_named_and_not_who_aborts_since_it_is_gone(tmp_path, monkeypatch):
    """As NCCL's watchdog does; both are seen at once."""
    monkeypatch.setattr(launcher, "_LOOK_SECONDS", 2)
    gone = str(tmp_path / "gone")
    end = (
        f"import os, time, pathlib; gone = pathlib.Path({gone!r}); own = os.environ['RANK'] == '1'; "
        "own and (gone.touch() or os.kill(os.getpid(), 9)); "
        "[time.sleep(0.01) for _ in iter(gone.exists, True)]; os.abort()"
    )
    code, failure = Launcher([sys.executable, "-c", end], 2).run()
    assert (code, failure.rank) == (1, 1)
    assert failure.why.startswith("was killed (SIGKILL)")


@pytest.mark.slow
@pytest.mark.parametrize("deed", ["keep_waiting", "keep_a_library_waiting"])
def test_a_rank_that_keeps_the_others_waiting_is_found(tmp_path, monkeypatch, deed):
    monkeypatch.setenv("WAIT", "0.05")
    code, failure = run(deed, tmp_path)
    assert (code, failure.rank) == (1, 1)
    assert failure.why == "has kept the others waiting for 0.05 minutes (training.rank_timeout)"


@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_while_they_start_reaches_all_once(tmp_path, rank):
    """Sent between two starts, and after the last."""
    script = (
        "import os, signal, sys, time; left = []; signal.signal(signal.SIGTERM, lambda *_: left.append(1)); "
        "open(os.environ['RANK'], 'w').close(); "
        "[time.sleep(0.01) for _ in iter(lambda: bool(left), True)]; time.sleep(0.5); sys.exit(142 + len(left))"
    )

    class Told(Launcher):
        def _start(self, number, folder):
            child = super()._start(number, folder)
            while not (tmp_path / str(number)).exists():
                time.sleep(0.01)
            if number == rank:
                os.kill(os.getpid(), signal.SIGTERM)
            return child

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        began = time.monotonic()
        assert Told([sys.executable, "-S", "-c", script], 2).run() == (143, None)
    assert time.monotonic() - began < LONGEST


@pytest.mark.long
def test_a_rank_that_works_at_length_is_not_taken_for_one_that_hangs(tmp_path, monkeypatch):
    monkeypatch.setenv("WAIT", "0.05")  # 3 seconds, of which a busy machine may take two
    assert run("work_at_length", tmp_path) == (0, None)


def test_of_a_crash_the_last_words_are_kept(tmp_path):
    """As of gloo's threads, which end the process where ranks send each other what they don't expect."""
    end = (
        "import os, sys; own = os.environ['RANK'] == '1'; own or sys.exit(); "
        "print('terminate called', '  what():  data size', sep=chr(10), file=sys.stderr, flush=True); os.abort()"
    )
    code, failure = Launcher([sys.executable, "-c", end], 2).run()
    assert (code, failure) == (1, Failure(1, 2, "has crashed (SIGABRT): what():  data size", 1))


def test_a_signal_that_comes_before_a_process_can_heed_it_is_no_failure(tmp_path):
    begin = f"import os, time; open({str(tmp_path)!r} + '/' + os.environ['RANK'], 'w').close(); time.sleep(9)"
    launcher = Launcher([sys.executable, "-c", begin], 2)
    thread = stopped_once(lambda: len(list(tmp_path.iterdir())) == 2)
    assert launcher.run() == (143, None)
    thread.join()


def stopped_once(begun):
    """Begin to wait until `begun`, then send this process SIGTERM."""

    def stop():
        while not begun():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    return thread


@pytest.mark.long
def test_a_signal_reaches_all_and_is_no_failure(tmp_path):
    thread = stopped_once(lambda: len(list(tmp_path.iterdir())) == 2)
    assert run("be_told_to_stop", tmp_path) == (143, None)
    thread.join()
