"""A file is replaced whole, or stays as it was, and nothing is left beside it."""

import os

import pytest

from src import files
from src.files import write_atomic, written_beside


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
