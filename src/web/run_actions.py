"""What a page does to a run: stop it, go on with it, put it into the bin and take it out again."""

import os
import shlex
import signal
import time
from contextlib import suppress
from pathlib import Path

from ..bilingual import Text
from ..commands.train.quickstart import QUICKSTARTS_KO
from ..config.loader import load_config
from ..errors import YoyakError
from ..files import remove
from ..runs.holder import lock_holder
from ..runs.lock import run_lock
from ..runs.record import read_record
from ..runs.schema import RunRecord
from .place import PageError, Place
from .studio import Studio
from .turns import start_or_wait, turn_to_go_on
from .waiting import WaitingRun

_SWITCHES = {"--use_qlora", "--no-use_qlora", "--use_instruction_augmentation", "--debug", "--force"}
_BEGUN_BY = {"train", "refine", "quickstart"}


def stop_run(studio: Studio, folder: Path) -> Text:
    """Ask the process of a run to save and end (SIGTERM); return what to say.

    Raises:
        PageError: 409, no process of this machine works on it.
    """
    holder = lock_holder(folder)
    if holder is None:
        raise PageError(409, Text("The run has ended already.", "이미 끝난 실행입니다."))
    if not holder.here:
        raise PageError(409, Text("The run is on another machine.", "다른 컴퓨터에서 하고 있는 실행입니다."))
    try:
        os.kill(holder.pid, signal.SIGTERM)
    except ProcessLookupError:
        raise PageError(409, Text("The run has ended already.", "이미 끝난 실행입니다.")) from None
    except PermissionError:
        raise PageError(409, Text("The run belongs to another user.", "다른 사용자의 실행입니다.")) from None
    return Text("Asked to stop: it saves its state and ends.", "멈추라고 알렸습니다. 상태를 저장하고 끝납니다.")


def resume_words(folder: Path) -> list[str]:
    """Return the words behind `yoyak` that go on with a run, made of those that began it.

    Raises:
        YoyakError: the record doesn't say what began it, or something else did.
    """
    record = read_record(folder)
    words = shlex.split(record.command or "")[1:] if record else []
    if not words or words[0] not in _BEGUN_BY:
        raise YoyakError(f"{folder}: its record names no command of yoyak that could go on; use the command line")
    if words[0] == "quickstart":
        words = ["train", "--experiment", _of_quickstart(record, "--korean" in words), *words[1:]]
    kept, rest = [words[0]], iter(words[1:])
    for word in rest:
        if word in ("--experiment", "-e"):
            kept += ["--experiment", next(rest, "")]
        elif not word.startswith("-") or word in _SWITCHES or word.startswith("--experiment="):
            kept.append(word)
        elif word not in ("--resume", "--overwrite", "--korean"):
            raise YoyakError(f"{folder}: began with {word[:100]}, which the studio doesn't know; use the command line")
    return [*kept, "--resume"]


def _of_quickstart(record: RunRecord | None, korean: bool) -> str:
    """Return the config of a quickstart: in Korean it is of one model or another, by what was here."""
    if not korean:
        return "quickstart"
    trained = record.config.get("model", {}).get("checkpoint") if record else None
    return next((name for name in QUICKSTARTS_KO if load_config(name).model.checkpoint == trained), QUICKSTARTS_KO[-1])


def resume_run(studio: Studio, folder: Path, who: str, waits: bool) -> WaitingRun:
    """Start `yoyak train ... --resume`, or put it into the queue for someone; return what was started.

    Raises:
        YoyakError: the record doesn't say how, or the run doesn't fit beside another that is under way.
        PageError: 409, it runs.
    """
    if lock_holder(folder) is not None:
        raise PageError(409, Text("The run is under way.", "이미 실행 중입니다."))
    run = WaitingRun(folder.name, resume_words(folder), who)
    start_or_wait(studio, run, turn_to_go_on(studio, read_record(folder) or RunRecord()), waits)
    return run


def delete_run(place: Place, folder: Path) -> None:
    """Move a run's folder into the bin.

    Raises:
        PageError: 409, it runs, or is a trial of a search.
        YoyakError: the folder can't be moved.
    """
    if folder.parent != place.runs:
        raise PageError(409, Text("A trial belongs to its search.", "탐색에 속한 시도라 따로 지울 수 없습니다."))
    if lock_holder(folder) is not None:
        raise PageError(409, Text("The run is under way; stop it first.", "실행 중입니다. 먼저 멈춰 주세요."))
    with run_lock(folder):
        move_into_bin(place, folder)


def move_into_bin(place: Place, folder: Path) -> None:
    """Move a folder into the bin; YoyakError where it can't be moved."""
    bin_folder = place.own / "bin"
    try:
        bin_folder.mkdir(parents=True, exist_ok=True)
        usual = binned = f"{folder.name}~{time.strftime('%Y%m%d-%H%M%S')}"
        number = 1
        while (bin_folder / binned).exists():  # one of its name, in the same second
            number += 1
            binned = f"{usual}-{number}"
        folder.rename(bin_folder / binned)
    except OSError as error:
        raise YoyakError(f"{folder}: can't be moved into {bin_folder} ({error.strerror})") from None


def binned_runs(place: Place) -> list[str]:
    """Return the runs and searches in the bin, as NAME~TIME."""
    with suppress(OSError):
        return sorted(entry for entry in os.listdir(place.own / "bin") if "~" in entry and not entry.startswith("."))
    return []


def name_in_bin(binned: str) -> str:
    """Return the name that a run or a search in the bin had."""
    return binned.rpartition("~")[0]


def restore_run(place: Place, binned: str) -> str:
    """Take a run or a search out of the bin and return its name.

    Raises:
        PageError: 404, it is not there; 409, its name is taken.
    """
    folder = place.file("bin", binned)
    name = name_in_bin(binned)
    if not name or not folder.is_dir():
        raise PageError(404, Text("This is not in the bin.", "휴지통에 없습니다."))
    if (place.runs / name).exists():
        raise PageError(409, Text(f"{name} is there already.", f"{name}: 이미 있는 이름입니다."))
    folder.rename(place.runs / name)
    return name


def empty_bin(place: Place) -> None:
    """Remove what is in the bin for good."""
    for name in binned_runs(place):
        remove(place.own / "bin" / name)
