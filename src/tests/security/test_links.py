"""Names that a stranger can guess in a shared folder: no link there is followed, nothing of others is taken over."""

import json
import logging
import os
from pathlib import Path

import pytest

from src.errors import YoyakError
from src.export.folder import written_whole
from src.files import appending, refuse_of_others, remove
from src.runs.lock import lock_path, run_lock
from src.runs.log_file import LogFile
from src.tests.commands.conftest import folder, tiny, yoyak  # noqa: F401

MINE = "mine\n"


@pytest.fixture
def victim(tmp_path):
    path = tmp_path / "victim"
    path.write_text(MINE)
    return path


def test_a_lock_that_is_a_link(tmp_path, victim):
    lock = lock_path(tmp_path / "run")
    lock.symlink_to(victim)
    said = r"\.run\.lock: is a link, which no run makes; remove it"
    with pytest.raises(YoyakError, match=said), run_lock(tmp_path / "run"):
        pass
    assert (victim.read_text(), lock.is_symlink()) == (MINE, True)


def test_a_lock_that_became_a_link_is_not_removed(tmp_path, victim):
    lock = lock_path(tmp_path / "run")
    with run_lock(tmp_path / "run"):
        lock.rename(tmp_path / "moved")
        lock.symlink_to(tmp_path / "moved")
    assert lock.is_symlink()


def test_a_log_that_is_a_link(tmp_path, victim):
    (tmp_path / "log").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic link"):
        LogFile(tmp_path / "log")
    log = LogFile(tmp_path / "other")
    (tmp_path / "other").unlink()
    (tmp_path / "other").symlink_to(victim)  # in the place of the log of a run
    log.emit(logging.LogRecord("a", logging.INFO, "", 0, "line", None, None))
    log.close()
    assert victim.read_text() == MINE


def test_files_that_grow(tmp_path, victim):
    (tmp_path / "a").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic link"):
        appending(tmp_path / "a")
    with appending(tmp_path / "b") as file:
        file.write("x")
    with appending(tmp_path / "b") as file:
        file.write("y")
    assert ((tmp_path / "b").read_text(), victim.read_text()) == ("xy", MINE)


def test_a_training_does_not_follow_a_lock(yoyak, tiny, victim):  # noqa: F811
    """A folder that all may write to has a link in the place of the lock."""
    (tiny / "outputs").mkdir()
    (tiny / "outputs" / ".tiny_qlora.lock").symlink_to(victim)
    result = yoyak("train", "-e", "tiny.yaml", "training.max_steps=1")
    assert result.code == 2
    assert result.err == "yoyak: outputs/.tiny_qlora.lock: is a link, which no run makes; remove it\n"
    assert victim.read_text() == MINE


def test_what_was_put_aside_for_us_by_others(tmp_path, monkeypatch, victim):
    """An earlier export is put aside under a name that can be guessed: never over, or out of, something of others."""
    aside = tmp_path / ".out.replaced"
    aside.symlink_to(tmp_path)
    for _ in range(2):
        with written_whole(tmp_path / "out", True, {}) as beside:
            (beside / "a").write_text("a")
    assert victim.read_text() == MINE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "victim"]

    aside.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    said = r"\.out\.replaced: belongs to another user and is in the way"
    with pytest.raises(YoyakError, match=said), written_whole(tmp_path / "out", True, {}) as beside:
        (beside / "a").write_text("b")
    assert (tmp_path / "out" / "a").read_text() == "a"
    with pytest.raises(YoyakError, match="belongs to another user"):
        refuse_of_others(aside)
    refuse_of_others(tmp_path / "nothing")


def test_a_run_that_another_user_put_aside_is_not_brought_back(yoyak, tiny, monkeypatch):  # noqa: F811
    aside = tiny / "outputs" / ".tiny_qlora.replaced"
    aside.mkdir(parents=True)
    (aside / "run.json").write_text(json.dumps({"status": "completed"}))
    real = Path.lstat

    class OfOthers:
        st_uid = os.geteuid() + 1

    monkeypatch.setattr(Path, "lstat", lambda path: OfOthers if path.name == aside.name else real(path))
    result = yoyak("train", "-e", "tiny.yaml", "training.max_steps=1", "--overwrite")
    assert result.code == 2
    assert result.err.startswith("yoyak: outputs/.tiny_qlora.replaced: belongs to another user and is in the way")
    assert (aside / "run.json").exists()
    assert not (tiny / "outputs" / "tiny_qlora").exists()


def test_removing_a_link_leaves_where_it_leads(tmp_path, victim):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("a")
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    remove(tmp_path / "link")
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "a").exists()
    remove(tmp_path / "folder")
    remove(tmp_path / "folder")
    assert not (tmp_path / "folder").exists()
