import json
import os
import signal
import subprocess
import sys

import pytest

from src.errors import YoyakError
from src.training.state.checkpoints import (
    Checkpoint,
    DamagedCheckpoint,
    find_checkpoint,
    read_checkpoint,
    remove_others,
    saved_steps,
    steps_to_keep,
    write_checkpoint,
)


def written(root, step, text="{}", best_step=None):
    return write_checkpoint(root, step, lambda folder: (folder / "state.json").write_text(text), best_step)


def test_a_checkpoint_is_read_as_it_was_written(tmp_path):
    checkpoint = written(tmp_path, 40, '{"loss": 1.5}', best_step=20)
    assert checkpoint == Checkpoint(tmp_path / "checkpoint-40", 40, 20) == read_checkpoint(checkpoint.folder)
    assert checkpoint.read_json("state.json") == {"loss": 1.5}
    assert json.loads((checkpoint.folder / "manifest.json").read_text()) == {
        "format": 1,
        "step": 40,
        "best_step": 20,
        "files": {
            "state.json": {
                "bytes": 13,
                "sha256": "e07c04951d8edec7f1b7f7b97357c2793e13e6b31c85b64f407100b39f8b059a",
            }
        },
    }
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-40"]


def cut_off(folder):
    os.truncate(folder / "state.json", 1)


def changed(folder):
    (folder / "state.json").write_text("[]")


def lost(folder):
    (folder / "state.json").unlink()


def added(folder):
    (folder / "more.json").write_text("{}")


def without_manifest(folder):
    (folder / "manifest.json").unlink()


def with_half_a_manifest(folder):
    os.truncate(folder / "manifest.json", 30)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (cut_off, "state.json has 1 of 2 bytes"),
        (changed, "state.json has changed since it was written"),
        (lost, "files differ from its manifest.json (state.json)"),
        (added, "files differ from its manifest.json (more.json)"),
        (without_manifest, "manifest.json is missing or can't be read"),
        (with_half_a_manifest, "manifest.json is missing or can't be read"),
    ],
)
def test_a_damaged_one_is_named_and_the_one_before_is_used(tmp_path, damage, told):
    before, newest = written(tmp_path, 20), written(tmp_path, 40)
    damage(newest.folder)
    with pytest.raises(DamagedCheckpoint) as error:
        read_checkpoint(newest.folder)
    assert str(error.value) == f"{newest.folder}: {told}"
    assert find_checkpoint(tmp_path) == (before, [f"{newest.folder}: {told}"])


def test_a_checkpoint_whose_best_weights_are_damaged_is_not_used(tmp_path):
    first, best = written(tmp_path, 10), written(tmp_path, 20)
    newest = written(tmp_path, 40, best_step=20)
    assert find_checkpoint(tmp_path) == (newest, [])
    changed(best.folder)
    sentences = [
        f"{newest.folder}: needs the best weights so far; {best.folder}: state.json has changed since it was written",
        f"{best.folder}: state.json has changed since it was written",
    ]
    assert find_checkpoint(tmp_path) == (first, sentences)


def test_nothing_there(tmp_path):
    assert find_checkpoint(tmp_path / "none") == (None, [])


@pytest.mark.parametrize("name", ["optimizer.pt", "rng_state.pth", "training_args.bin", "x.pkl", "sub/y.pickle"])
def test_a_pickle_is_refused_without_a_look_at_others(tmp_path, name):
    written(tmp_path, 20)
    newest = written(tmp_path, 40)
    (newest.folder / name).parent.mkdir(exist_ok=True)
    (newest.folder / name).write_bytes(b"\x80\x04N.")
    with pytest.raises(YoyakError, match=rf"checkpoint-40: {name} is a pickle, which can run code"):
        find_checkpoint(tmp_path)


def test_other_kinds_of_files_and_links_are_refused(tmp_path):
    newest = written(tmp_path, 40)
    (newest.folder / "run.sh").write_text("true")
    with pytest.raises(YoyakError, match=r"run\.sh is no file of a checkpoint"):
        read_checkpoint(newest.folder)
    (newest.folder / "run.sh").unlink()
    (newest.folder / "link.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(YoyakError, match=r"link\.json is no file of a checkpoint"):
        read_checkpoint(newest.folder)


def test_another_format_is_no_damage(tmp_path):
    newest = written(tmp_path, 40)
    manifest = newest.folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(YoyakError, match="is of format 2, not 1"):
        find_checkpoint(tmp_path)


def test_a_failure_leaves_the_older_one_of_the_same_step(tmp_path):
    older = written(tmp_path, 40, '{"try": 1}')

    def fails(folder):
        (folder / "state.json").write_text('{"try": 2}')
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_checkpoint(tmp_path, 40, fails)
    assert read_checkpoint(older.folder).read_json("state.json") == {"try": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-40"]
    assert written(tmp_path, 40, '{"try": 3}').read_json("state.json") == {"try": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-40"]


def test_what_a_killed_process_leaves_is_put_in_order(tmp_path):
    whole = written(tmp_path, 40)
    whole.folder.rename(tmp_path / ".checkpoint-40.old")  # between the two renames of a step that is saved again
    (tmp_path / ".checkpoint-60.new").mkdir()
    (tmp_path / ".checkpoint-60.new" / "state.json").write_text("{")
    assert find_checkpoint(tmp_path) == (whole, [])
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-40"]


def test_a_kill_while_writing_leaves_nothing_half_written(tmp_path):
    before = written(tmp_path, 20)
    code = (
        "import os, sys; from pathlib import Path; from src.training.state.checkpoints import write_checkpoint\n"
        "def write(folder):\n"
        "    (folder / 'state.json').write_text('{}'); print('writing', flush=True); sys.stdin.read()\n"
        "write_checkpoint(Path(sys.argv[1]), 40, write)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert saved_steps(tmp_path) == [20]
    assert find_checkpoint(tmp_path) == (before, [])


@pytest.mark.parametrize(
    ("steps", "best", "limit", "kept"),
    [
        ([10, 20, 30], None, 2, [30, 20]),
        ([10, 20, 30], 10, 2, [30, 10]),
        ([10, 20, 30], 10, 1, [30, 10]),
        ([10, 20, 30], 30, 2, [30, 20]),
        ([10, 20, 30], 10, 3, [30, 10, 20]),
        ([30], None, 2, [30]),
    ],
)
def test_the_newest_and_the_best_stay(steps, best, limit, kept):
    assert steps_to_keep(steps, best, limit) == kept


def test_the_others_are_removed(tmp_path):
    for step in (10, 20, 30):
        written(tmp_path, step)
    remove_others(tmp_path, [30, 10])
    assert saved_steps(tmp_path) == [10, 30]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-30"]
