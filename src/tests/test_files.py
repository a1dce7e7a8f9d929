"""A file is replaced whole, or stays as it was, and nothing is left beside it."""

import os
from pathlib import Path

import pytest

from src import files
from src.errors import YoyakError, refusals_of_the_disk
from src.files import folder_beside, write_atomic, written_beside


def test_text_and_bytes_take_the_place_of_what_was_there(tmp_path):
    path = tmp_path / "a.csv"
    write_atomic(path, "한\r\n")
    assert path.read_bytes() == b"\xed\x95\x9c\r\n"
    write_atomic(path, b"\0")
    assert path.read_bytes() == b"\0"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_where_writing_fails_the_old_file_stays_alone(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "\ud800")

    def half_written():
        with written_beside(path) as beside:
            beside.write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_written()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_permissions_are_the_old_files_or_the_usual_ones(tmp_path):
    mask = os.umask(0o027)
    try:
        write_atomic(tmp_path / "new", "")
    finally:
        os.umask(mask)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
    (tmp_path / "new").chmod(0o600)
    write_atomic(tmp_path / "new", "")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600


def test_no_link_is_followed_and_no_name_can_be_guessed(tmp_path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "a").symlink_to(tmp_path / "victim")
    names = set()
    for _ in range(2):
        with written_beside(tmp_path / "a") as beside:
            names.add(beside.name)
    assert len(names) == 2
    assert (tmp_path / "victim").read_text() == "mine"
    assert not (tmp_path / "a").is_symlink()


def test_durable_content_is_on_the_disk_before_its_name(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(files.os, "fsync", lambda handle: order.append(os.fstat(handle).st_size))
    replace = os.replace
    monkeypatch.setattr(files.os, "replace", lambda *names: (order.append("replace"), replace(*names)))
    write_atomic(tmp_path / "a", "12345", durable=True)
    assert order == [5, "replace"]


def test_a_folder_and_its_files_are_on_the_disk_before_its_name(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(files, "flush", lambda path: order.append(path.name))
    replace = os.replace
    monkeypatch.setattr(files.os, "replace", lambda *names: (order.append("replace"), replace(*names)))
    with folder_beside(tmp_path / "model", durable=True) as beside:
        (beside / "weights").write_text("new")
    assert order == ["weights", beside.name, "replace", tmp_path.name]
    with folder_beside(tmp_path / "model", durable=True) as beside:
        (beside / "other").touch()
    assert order[4:] == ["other", beside.name, "replace", "replace", tmp_path.name]  # the older one is put aside
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "other"]


def test_folders_above_one_that_fails_go_again(tmp_path):
    def half_written():
        with folder_beside(tmp_path / "a" / "b" / "model") as beside:
            (beside / "weights").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_written()
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device", "a/b"), "a/b: No space left on device"),
        (OSError(27, "File too large"), "a file could not be read or written: File too large"),
        (Exception("Error while serializing: I/O error: File too large (os error 27)"), "a file .*: File too large"),
        (FileNotFoundError(2, "No usable temporary directory found in ['/tmp']"), "no folder takes temporary files .*"),
    ],
)
def test_what_the_disk_refuses_is_one_line(error, said):
    with pytest.raises(YoyakError, match=f"^{said}"), refusals_of_the_disk():
        raise error


@pytest.mark.parametrize(
    "error", [ValueError("a (os error 2)"), FileNotFoundError(2, "No such file", "a"), KeyError(1)]
)
def test_what_is_our_fault_stays_one(error):
    with pytest.raises(type(error)), refusals_of_the_disk():
        raise error


def test_a_device_is_written_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_atomic(tmp_path / "pipe", "text")
    assert os.read(reader, 100) == b"text"
    os.close(reader)
    write_atomic(Path("/dev/null"), "text")
    assert not Path("/dev/null").is_file()


def test_folders_for_a_file_that_can_not_be_written_go_again(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(OSError, match="too long"):
        write_atomic(tmp_path / "there" / "a" / "b" / ("n" * 300), "")
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"]
    write_atomic(tmp_path / "a" / "b" / "c", "")
    assert (tmp_path / "a" / "b" / "c").is_file()
