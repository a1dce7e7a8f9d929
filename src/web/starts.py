"""What the studio has started for the run or search that has a name now: of one that was deleted, nothing."""

from .actions import deleted_at
from .processes import StartedCommand
from .studio import Studio


def starts_of(studio: Studio, name: str, *kinds: str) -> list[StartedCommand]:
    """Return the starts of some kinds that are about a name, the newest first."""
    starts = [one for one in studio.processes.all() if one.about == name and one.kind in kinds]
    deleted = deleted_at(studio.place, name) if starts else None
    return [one for one in starts if deleted is None or one.began > deleted]


def latest_start(studio: Studio, name: str, *kinds: str) -> StartedCommand | None:
    """Return the newest of them; None where there is none."""
    return next(iter(starts_of(studio, name, *kinds)), None)
