"""Two processes and one folder."""

import fcntl
import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from src.errors import YoyakError
from src.runs import lock as module
from src.runs.lock import lock_path, run_lock
from src.tests.lock_holder import holder


def test_the_second_process_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    folder = tmp_path / "outputs" / "run"
    with holder(folder) as process:
        line = (
            rf"outputs/run: another run is writing there \(process {process.pid} on \S+, since \S+\); wait for it, or"
        )
        with pytest.raises(YoyakError, match=line), run_lock(folder):
            pass
        assert json.loads(lock_path(folder).read_text())["pid"] == process.pid
        process.communicate("")
        assert not lock_path(folder).exists()
        with run_lock(folder):
            assert json.loads(lock_path(folder).read_text())["pid"] == os.getpid()
    assert not lock_path(folder).exists()


def test_the_lock_of_a_killed_process_is_stale(tmp_path: Path) -> None:
    with holder(tmp_path / "run") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert lock_path(tmp_path / "run").exists()
        with run_lock(tmp_path / "run"):
            assert json.loads(lock_path(tmp_path / "run").read_text())["pid"] == os.getpid()


@pytest.mark.parametrize(("age", "refused"), [(0, True), (200, True), (400, False)])
def test_the_lock_of_another_machine_is_stale_once_nobody_touches_it(tmp_path: Path, age: int, refused: bool) -> None:
    path = lock_path(tmp_path / "run")
    path.write_text(json.dumps({"pid": 1, "host": "elsewhere", "since": "2026-01-01T00:00:00+00:00"}))
    os.utime(path, (time.time() - age, time.time() - age))
    if refused:
        with (
            pytest.raises(YoyakError, match=r"\(process 1 on elsewhere, since 2026-01-01T"),
            run_lock(tmp_path / "run"),
        ):
            pass
        assert json.loads(path.read_text())["host"] == "elsewhere"
    else:
        with run_lock(tmp_path / "run"):
            assert json.loads(path.read_text())["pid"] == os.getpid()


def test_asking_for_another_machines_lock_does_not_keep_it_fresh(tmp_path: Path) -> None:
    path = lock_path(tmp_path / "run")
    path.write_text(json.dumps({"pid": 1, "host": "elsewhere"}))
    before = time.time() - 250
    os.utime(path, (before, before))
    with pytest.raises(YoyakError), run_lock(tmp_path / "run"):
        pass
    assert path.stat().st_mtime == pytest.approx(before, abs=1)


def test_the_holder_touches_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TOUCH_SECONDS", 0.01)
    with run_lock(tmp_path / "run"):
        os.utime(lock_path(tmp_path / "run"), (0, 0))
        for _ in range(200):
            if lock_path(tmp_path / "run").stat().st_mtime > 0:
                break
            time.sleep(0.01)
        else:
            pytest.fail("was not touched")


def test_folders_that_only_the_lock_needed_go_with_it(tmp_path: Path) -> None:
    with run_lock(tmp_path / "outputs" / "deep" / "run"):
        assert (tmp_path / "outputs" / "deep").is_dir()
    assert list(tmp_path.iterdir()) == []
    with run_lock(tmp_path / "outputs" / "run"):
        (tmp_path / "outputs" / "run").mkdir()
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == ["run"]


def test_rubbish_in_a_lock_is_a_stale_lock(tmp_path: Path) -> None:
    lock_path(tmp_path / "run").write_text("{half")
    with run_lock(tmp_path / "run"):
        pass


def test_a_lock_that_someone_replaced_is_not_removed(tmp_path: Path) -> None:
    path = lock_path(tmp_path / "run")
    with run_lock(tmp_path / "run"):
        path.unlink()
        path.write_text("another's")
    assert path.read_text() == "another's"


def test_a_lock_that_its_holder_removes_meanwhile_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening and locking the holder may end and unlink the file: a lock on that would lock nobody out."""
    path, flock, calls = lock_path(tmp_path / "run"), fcntl.flock, []

    def flock_after_the_holder_has_gone(descriptor: int, how: int) -> None:
        if not calls:
            path.unlink()
        calls.append(how)
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock_after_the_holder_has_gone)
    with run_lock(tmp_path / "run"):
        assert len(calls) == 2
        assert json.loads(path.read_text())["pid"] == os.getpid()
        with pytest.raises(YoyakError, match=f"process {os.getpid()} on "), run_lock(tmp_path / "run"):
            pass
    assert not path.exists()


def test_a_shorter_name_in_the_lock_leaves_nothing_of_a_longer_one(tmp_path: Path) -> None:
    lock_path(tmp_path / "run").write_text(json.dumps({"pid": 1, "host": "h" * 300}))
    os.utime(lock_path(tmp_path / "run"), (0, 0))
    with run_lock(tmp_path / "run"):
        assert json.loads(lock_path(tmp_path / "run").read_text()).keys() == {"pid", "host", "since"}


def test_a_lock_of_this_machine_is_never_taken_for_anothers(tmp_path: Path) -> None:
    """Its holder ended without removing it, a moment ago."""
    lock_path(tmp_path / "run").write_text(json.dumps({"pid": 1, "host": socket.gethostname()}))
    with run_lock(tmp_path / "run"):
        pass


def test_the_limits_are_the_documented_ones() -> None:
    assert (module._TOUCH_SECONDS, module.STALE_SECONDS) == (20.0, 300.0)
