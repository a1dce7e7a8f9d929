"""Checkpoints on disk: a folder is whole or not there, its files are checked by hashes, and none is a pickle.

A checkpoint is written beside its place, each file flushed to the disk, the manifest with sizes and hashes last, and
then renamed. `checkpoint-40/manifest.json`, where `best_step` names the checkpoint of the best weights so far, which a
run that goes on from this one needs too::

    {"format": 1, "step": 40, "best_step": 20, "files": {"trainer_state.json": {"bytes": 812, "sha256": "9f..."}}}
"""

import json
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import YoyakError
from ...files import flush, sha256_of

MANIFEST = "manifest.json"
_FORMAT = 1
_PREFIX = "checkpoint-"
_KINDS = (".safetensors", ".json", ".md", ".jinja")
_PICKLES = (".pt", ".pth", ".bin", ".pkl", ".pickle", ".ckpt")


class DamagedCheckpoint(Exception):
    """A checkpoint that is not whole; the message names the folder and what is wrong with it."""


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint: its folder, its step, and the step of the best weights so far, where there are any."""

    folder: Path
    step: int
    best_step: int | None = None

    def read_json(self, name: str) -> Any:
        """Return the content of one of its JSON files."""
        return json.loads((self.folder / name).read_text(encoding="utf-8"))


def write_checkpoint(root: Path, step: int, write: Callable[[Path], None], best_step: int | None = None) -> Checkpoint:
    """Write `root/checkpoint-STEP`: `write` fills a folder beside it; an older one of the step stays until then."""
    beside, final = root / f".{_PREFIX}{step}.new", root / f"{_PREFIX}{step}"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        write(beside)
        files = {name: _sealed(beside / name) for name in _names(beside)}
        manifest = {"format": _FORMAT, "step": step, "best_step": best_step, "files": files}
        (beside / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        flush(beside / MANIFEST)
        flush(beside)
        _put_in_place(beside, final)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Checkpoint(final, step, best_step)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Return a folder's checkpoint, checked.

    Raises:
        DamagedCheckpoint: a file is missing, cut off or changed.
        YoyakError: it holds a pickle, or another kind of file than checkpoints are made of.
    """
    _refuse_foreign_files(folder)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        step, best_step, files = int(manifest["step"]), manifest["best_step"], dict(manifest["files"])
        told = manifest["format"]
    except (OSError, ValueError, LookupError, TypeError):
        raise DamagedCheckpoint(f"{folder}: {MANIFEST} is missing or can't be read") from None
    if told != _FORMAT:
        raise YoyakError(f"{folder}: is of format {told}, not {_FORMAT}; go on with the version of yoyak that wrote it")
    if set(files) != set(_names(folder)):
        odd = sorted(set(files) ^ set(_names(folder)))
        raise DamagedCheckpoint(f"{folder}: files differ from its {MANIFEST} ({', '.join(odd)})")
    for name, expected in files.items():
        there = _described(folder / name)
        if there["bytes"] != expected["bytes"]:
            raise DamagedCheckpoint(f"{folder}: {name} has {there['bytes']} of {expected['bytes']} bytes")
        if there != expected:
            raise DamagedCheckpoint(f"{folder}: {name} has changed since it was written")
    return Checkpoint(folder, step, best_step)


def find_checkpoint(root: Path) -> tuple[Checkpoint | None, list[str]]:
    """Return the newest checkpoint that a run can go on from, or None, and a sentence for each newer one that is not.

    The checkpoint of its best weights has to be whole as well. Leftovers of a killed process are put in order.

    Raises:
        YoyakError: one of them holds a pickle.
    """
    _tidy(root)
    damaged: dict[int, str] = {}
    whole: dict[int, Checkpoint] = {}
    for step in saved_steps(root):
        try:
            whole[step] = read_checkpoint(root / f"{_PREFIX}{step}")
        except DamagedCheckpoint as error:
            damaged[step] = str(error)
    for step in sorted(whole, reverse=True):
        best = whole[step].best_step
        if best is None or best in whole:
            return whole[step], [damaged[newer] for newer in sorted(damaged, reverse=True) if newer > step]
        lost = damaged.get(best, f"{root / f'{_PREFIX}{best}'}: is gone")
        damaged[step] = f"{whole[step].folder}: needs the best weights so far; {lost}"
    return None, [damaged[step] for step in sorted(damaged, reverse=True)]


def saved_steps(root: Path) -> list[int]:
    """Return the steps of the checkpoints in a folder, whole or not, in order."""
    numbers = [path.name.removeprefix(_PREFIX) for path in root.glob(f"{_PREFIX}*") if path.is_dir()]
    return sorted(int(number) for number in numbers if number.isdecimal())


def remove_others(root: Path, kept: Collection[int]) -> None:
    """Remove the checkpoints of all steps but `kept`; one that is half removed is not there any more."""
    for step in saved_steps(root):
        if step not in kept:
            going = root / f".{_PREFIX}{step}.old"
            (root / f"{_PREFIX}{step}").rename(going)
            shutil.rmtree(going, ignore_errors=True)


def steps_to_keep(steps: Collection[int], best_step: int | None, limit: int) -> list[int]:
    """Return which of `steps` stay: the newest and the best, then further ones up to `limit`, newest first."""
    order = sorted(set(steps), reverse=True)
    first = [order[0], *([best_step] if best_step in order[1:] else [])]
    others = [step for step in order if step not in first]
    return first + others[: max(0, limit - len(first))]


def _put_in_place(beside: Path, final: Path) -> None:
    if final.exists():  # the same step again; `_tidy` brings the older one back where this is cut off
        older = final.with_name(f".{final.name}.old")
        shutil.rmtree(older, ignore_errors=True)
        final.rename(older)
        beside.rename(final)
        shutil.rmtree(older, ignore_errors=True)
    else:
        beside.rename(final)
    flush(final.parent)


def _tidy(root: Path) -> None:
    for older in root.glob(f".{_PREFIX}*.old"):
        place = root / older.name[1 : -len(".old")]
        if place.exists() or not (older / MANIFEST).is_file():
            shutil.rmtree(older, ignore_errors=True)
        else:
            older.rename(place)
    for half in root.glob(f".{_PREFIX}*.new"):
        shutil.rmtree(half, ignore_errors=True)


def _names(folder: Path) -> list[str]:
    paths = (path for path in folder.rglob("*") if not path.is_dir())
    return sorted(str(path.relative_to(folder)) for path in paths if path.name != MANIFEST)


def _sealed(path: Path) -> dict[str, int | str]:
    flush(path)
    return _described(path)


def _described(path: Path) -> dict[str, int | str]:
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _refuse_foreign_files(folder: Path) -> None:
    for name in _names(folder):
        if name.endswith(_PICKLES):
            raise YoyakError(
                f"{folder}: {name} is a pickle, which can run code when it is loaded; checkpoints hold none; "
                "remove this checkpoint, or start anew with --overwrite"
            )
        if not name.endswith(_KINDS) or (folder / name).is_symlink():
            raise YoyakError(f"{folder}: {name} is no file of a checkpoint; take it away")
