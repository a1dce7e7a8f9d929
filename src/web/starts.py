"""What the studio has started for the run or search that has a name now: of one that was deleted, nothing."""

from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode

from .actions import deleted_at
from .processes import StartedCommand
from .studio import Studio, run_address

_ERROR = "yoyak: "  # begins the line of an error on the standard error


def starts_of(studio: Studio, name: str, *kinds: str) -> list[StartedCommand]:
    """Return the starts of some kinds that are about a name, the newest first."""
    starts = [one for one in studio.processes.all() if one.about == name and one.kind in kinds]
    deleted = deleted_at(studio.place, name) if starts else None
    return [one for one in starts if deleted is None or one.began > deleted]


def latest_start(studio: Studio, name: str, *kinds: str) -> StartedCommand | None:
    """Return the newest of them; None where there is none."""
    return next(iter(starts_of(studio, name, *kinds)), None)


def refusal_in(output: str) -> str | None:
    """Return the error with which a command ended, of the text that it printed; None where it printed none."""
    lines = (line for line in reversed(output.splitlines()) if line.startswith(_ERROR))
    return next((line.removeprefix(_ERROR) for line in lines), None)


def form_address(started: StartedCommand) -> str:
    """Return the address of the form that a command was started from, with what it said."""
    kind, *words = started.command[1:]
    given = [(name, value) for name, equals, value in (word.partition("=") for word in words) if equals]
    if kind == "refine":
        return f"{run_address(Path(words[0]).name)}/refine?{urlencode(given)}"
    options = [(name[2:], value) for name, value in pairwise(words) if name in ("--experiment", "--deadline")]
    return f"{'/searches/new' if kind == 'search' else '/new'}?{urlencode([*options, *given])}"
