"""A search goes into the bin; the run of its winner stays, under a name of its own, unless it is to go too."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from ..bilingual import Text
from ..errors import YoyakError
from ..files import folder_beside, remove
from ..runs.schema import RECORD_FILE
from ..search.folder import NAMED_SEARCH
from ..search.workers import deciding
from .place import PageError
from .run_actions import move_into_bin
from .searches import concluded, workers_of
from .starts import latest_start
from .studio import Studio

_NAMED_BEST = "_best"
_RUNS = Text("The search is under way; stop it first.", "탐색하고 있습니다. 먼저 멈춰 주세요.")


def winner_folder(folder: Path) -> Path | None:
    """Return the folder of a search's winner, a run or averaged weights; None where it has none in its own folder."""
    named = Path(str((concluded(folder) or {}).get("run", "")))
    parts = named.parts[named.parts.index(folder.name) + 1 :] if folder.name in named.parts else ()
    winner = folder.joinpath(*parts)
    return winner if parts and ".." not in parts and (winner / "final_model").is_dir() else None


def kept_run(studio: Studio, folder: Path) -> tuple[str, bool] | None:
    """Return the name under which a search's winner would stay, and whether it is a run; None where there is none."""
    winner = winner_folder(folder)
    if winner is None:
        return None
    usual = f"{folder.name.removesuffix(NAMED_SEARCH)}{_NAMED_BEST}"
    name, number = usual, 1
    while (studio.place.runs / name).exists() or studio.waiting.find(name) is not None:
        number += 1
        name = f"{usual}_{number}"
    return name, (winner / RECORD_FILE).is_file()


def delete_search(studio: Studio, folder: Path, with_winner: bool) -> str | None:
    """Move a search into the bin, whole; return the name of the run that stays, None where none does.

    The files of the winner's run that stays are those of the bin under second names, where the disk can do that: they
    take no room, and the search comes back with all that it had.

    Raises:
        PageError: 409, a process works on it.
        YoyakError: it can't be moved, or the winner's run can't be kept; then all is as it was.
    """
    _refuse_under_way(studio, folder)
    with deciding(folder):  # no worker joins meanwhile
        _refuse_under_way(studio, folder)
        kept = None if with_winner else kept_run(studio, folder)
        if kept is not None:
            _keep(winner_folder(folder), studio.place.runs / kept[0])
        try:
            move_into_bin(studio.place, folder)
        except YoyakError:
            if kept is not None:
                remove(studio.place.runs / kept[0])
            raise
    return kept[0] if kept is not None and kept[1] else None


def _refuse_under_way(studio: Studio, folder: Path) -> None:
    """Raise PageError (409) where a process works on a search, or has been started for it."""
    started = latest_start(studio, folder.name, "search")
    if workers_of(folder) or (started is not None and studio.processes.is_running(started)):
        raise PageError(409, _RUNS)


def _keep(winner: Path | None, place: Path) -> None:
    assert winner is not None
    try:
        with folder_beside(place) as beside:
            shutil.copytree(winner, beside, ignore=_links, copy_function=_second_name, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        why = getattr(error, "strerror", None) or "not all files can be copied"
        raise YoyakError(f"{winner}: can't be kept as {place} ({why})") from None


def _links(folder: str, names: list[str]) -> list[str]:
    """Return which names are links: no run makes one."""
    return [name for name in names if os.path.islink(os.path.join(folder, name))]


def _second_name(source: str, name: str) -> None:
    """Give a file a second name; where the disk can't, copy it."""
    with suppress(OSError):
        os.link(source, name)
        return
    shutil.copy2(source, name)
