"""The export's folder: whole or not at all, and never in the place of something else."""

import json
import os
import resource
import shutil
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from src.errors import YoyakError
from src.export.folder import EXPORT_FILE, listed_files, refuse_occupied, require_space, written_whole


def write(out: Path, text: str, overwrite: bool = False) -> None:
    with written_whole(out, overwrite, {"made": text}) as folder:
        assert folder.parent == out.parent
        (folder / "file").write_text(text)


def test_files_and_record_are_there_afterwards(tmp_path: Path) -> None:
    out = tmp_path / "new" / "export"
    write(out, "one")
    assert {path.name for path in out.iterdir()} == {"file", EXPORT_FILE}
    assert json.loads((out / EXPORT_FILE).read_text()) == {"made": "one"}
    assert [path.name for path in out.parent.iterdir()] == ["export"]
    assert (out / "file").stat().st_mode & 0o444 == 0o444


def test_an_earlier_export_is_replaced_only_when_asked(tmp_path: Path) -> None:
    out = tmp_path / "export"
    write(out, "one")
    with pytest.raises(YoyakError, match=r"holds an export; pass --overwrite to replace it"):
        write(out, "two")
    assert (out / "file").read_text() == "one"
    write(out, "two", overwrite=True)
    assert (out / "file").read_text() == "two"
    assert list(tmp_path.iterdir()) == [out]


def test_nothing_else_is_ever_replaced(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "important.txt").write_text("!")
    (tmp_path / "file").write_text("!")
    (tmp_path / "empty").mkdir()
    with pytest.raises(YoyakError, match="is not empty and holds no export of yoyak; name a new folder"):
        refuse_occupied(tmp_path / "letters", overwrite=True)
    with pytest.raises(YoyakError, match="is a file; name a folder"):
        refuse_occupied(tmp_path / "file", overwrite=True)
    write(tmp_path / "empty", "one")
    assert (tmp_path / "letters" / "important.txt").read_text() == "!"


@pytest.mark.parametrize("was_there", [False, True])
def test_nothing_half_written_stays(tmp_path: Path, was_there: bool) -> None:
    out = tmp_path / "export"
    if was_there:
        write(out, "one")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))  # fails as on a full disk
    try:
        with pytest.raises(YoyakError, match=r"\(ulimit -f\); nothing half-written was kept"):
            write(out, "x" * 100_000, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == [out] * was_there
    assert not was_there or (out / "file").read_text() == "one"


def test_a_full_disk_is_said_in_a_line(tmp_path: Path) -> None:
    with (
        pytest.raises(YoyakError, match=r"the disk is full; nothing half-written was kept"),
        written_whole(tmp_path / "export", False, {}),
        open("/dev/full", "w") as full,
    ):
        full.write("x" * 100_000)
    assert not any(tmp_path.iterdir())


def test_space_is_asked_for_before_anything_is_written(tmp_path: Path) -> None:
    out = tmp_path / "not" / "there"
    require_space(out, 1000)
    with pytest.raises(YoyakError, match=r"needs 1000000000.00 GB and the disk has \d+.\d\d GB free; free some space"):
        require_space(out, 10**18)
    assert not any(tmp_path.iterdir())


def test_files_are_listed_by_size(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name, count in (("b", 2), ("sub/c", 3), ("a", 2)):
        (tmp_path / name).write_bytes(bytes(count))
    assert listed_files(tmp_path) == [
        {"name": "sub/c", "bytes": 3},
        {"name": "a", "bytes": 2},
        {"name": "b", "bytes": 2},
    ]


@pytest.mark.parametrize(("free", "fits"), [(1019, False), (1020, True)])
def test_the_disk_needs_a_fiftieth_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, fits: bool) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=free))
    with nullcontext() if fits else pytest.raises(YoyakError, match="free some space"):
        require_space(tmp_path / "out", 1000)


def test_an_earlier_export_comes_back_where_the_new_one_can_not_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with written_whole(out, False, {}) as folder:
        (folder / "old").touch()
    replace = os.replace

    def refusing(source: Path, target: Path) -> None:
        if Path(target) == out and (Path(source) / "new").exists():
            raise OSError(5, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refusing)

    def write() -> None:
        with written_whole(out, True, {}) as folder:
            (folder / "new").touch()

    with pytest.raises(OSError, match="Input/output error"):
        write()
    assert sorted(os.listdir(out)) == ["old", EXPORT_FILE]
    assert os.listdir(tmp_path) == ["out"]
