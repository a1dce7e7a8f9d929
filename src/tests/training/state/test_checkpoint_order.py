"""In which order a checkpoint reaches the disk: what a power cut leaves at any moment is whole."""

import os
import shutil
from pathlib import Path

import pytest

from src.runs.record import RunFile
from src.runs.schema import RunRecord
from src.training.state.checkpoints import (
    find_checkpoint,
    read_checkpoint,
    remove_others,
    saved_steps,
    write_checkpoint,
)


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """What is flushed, renamed and removed, in order, by names below the folder."""
    made = []

    def name_of(path):
        return str(Path(path).relative_to(tmp_path))

    def fsync(handle, real=os.fsync):
        made.append(("flush", name_of(os.readlink(f"/proc/self/fd/{handle}"))))
        real(handle)

    def rename(self, target, real=Path.rename):
        made.append(("rename", name_of(self), name_of(target)))
        return real(self, target)

    def replace(source, target, real=os.replace):
        made.append(("rename", name_of(source), name_of(target)))
        real(source, target)

    def rmtree(path, ignore_errors=False, real=shutil.rmtree):
        if Path(path).exists():
            made.append(("remove", name_of(path)))
        real(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(shutil, "rmtree", rmtree)
    return made


def fill(folder):
    (folder / "b.json").write_text("{}")
    (folder / "sub").mkdir()
    (folder / "sub" / "a.safetensors").write_bytes(b"1")


WRITTEN = [
    ("flush", ".checkpoint-40.new/b.json"),
    ("flush", ".checkpoint-40.new/sub/a.safetensors"),
    ("flush", ".checkpoint-40.new/manifest.json"),
    ("flush", ".checkpoint-40.new"),
]


def test_files_then_the_manifest_then_the_name(tmp_path, calls):
    write_checkpoint(tmp_path, 40, fill)
    assert calls == [*WRITTEN, ("rename", ".checkpoint-40.new", "checkpoint-40"), ("flush", ".")]


def test_the_older_one_of_a_step_goes_once_the_new_one_is_in_place(tmp_path, calls):
    write_checkpoint(tmp_path, 40, fill)
    calls.clear()
    write_checkpoint(tmp_path, 40, fill)
    assert calls == [
        *WRITTEN,
        ("rename", "checkpoint-40", ".checkpoint-40.old"),
        ("rename", ".checkpoint-40.new", "checkpoint-40"),
        ("remove", ".checkpoint-40.old"),
        ("flush", "."),
    ]


def test_leftovers_of_a_killed_process_are_no_part_of_a_new_one(tmp_path):
    half = tmp_path / ".checkpoint-40.new"
    half.mkdir()
    (half / "left.json").write_text("{")
    assert read_checkpoint(write_checkpoint(tmp_path, 40, fill).folder).step == 40
    assert not (tmp_path / "checkpoint-40" / "left.json").exists()


def test_one_that_is_half_removed_is_not_there_any_more(tmp_path, monkeypatch):
    for step in (10, 20):
        write_checkpoint(tmp_path, step, fill)
    monkeypatch.setattr(shutil, "rmtree", lambda path, ignore_errors: (path / "b.json").unlink())  # and no further
    remove_others(tmp_path, [20])
    assert saved_steps(tmp_path) == [20]
    monkeypatch.undo()
    checkpoint, damaged = find_checkpoint(tmp_path)
    # What was being removed still has its manifest, so it comes back, is found damaged, and the newer one is used.
    assert (checkpoint.step, damaged) == (20, [])


def test_a_killed_removal_without_a_manifest_is_cleared_away(tmp_path):
    write_checkpoint(tmp_path, 20, fill)
    (tmp_path / ".checkpoint-10.old").mkdir()
    (tmp_path / ".checkpoint-10.old" / "b.json").write_text("{}")
    assert find_checkpoint(tmp_path)[0].step == 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-20"]


def test_an_older_one_that_was_replaced_does_not_come_back(tmp_path):
    write_checkpoint(tmp_path, 40, lambda folder: (folder / "new.json").write_text("{}"))
    shutil.copytree(tmp_path / "checkpoint-40", tmp_path / ".checkpoint-40.old")
    (tmp_path / ".checkpoint-40.old" / "old.json").write_text("{}")
    assert find_checkpoint(tmp_path)[0].step == 40
    assert not (tmp_path / "checkpoint-40" / "old.json").exists()
    assert not (tmp_path / ".checkpoint-40.old").exists()


def test_only_folders_with_a_number_are_checkpoints(tmp_path):
    for name in ("checkpoint-9", "checkpoint-10", "checkpoint-best", "checkpoint-", "checkpoint-1.5"):
        (tmp_path / name).mkdir()
    (tmp_path / "checkpoint-30").write_text("a file")
    assert saved_steps(tmp_path) == [9, 10]


def test_the_record_of_a_run_is_flushed_before_it_takes_its_place(tmp_path, calls):
    RunFile(tmp_path).update(RunRecord(status="running"))
    beside = calls[0][1]
    assert beside.startswith(".run.json.")
    assert calls == [("flush", beside), ("rename", beside, "run.json")]


def test_a_record_that_cannot_be_written_leaves_the_one_before_alone(tmp_path):
    RunFile(tmp_path).update(RunRecord(status="running"))
    with pytest.raises(UnicodeEncodeError):
        RunFile(tmp_path).update(RunRecord(config={"name": "\ud800"}))
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    assert '"running"' in (tmp_path / "run.json").read_text()


def test_a_record_holds_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghijklmnopqrstuvwxyz0123")
    RunFile(tmp_path).update(RunRecord(command="yoyak train hf_abcdefghijklmnopqrstuvwxyz0123"))
    assert "hf_abcdefghijklmnopqrstuvwxyz0123" not in (tmp_path / "run.json").read_text()
