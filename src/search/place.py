"""The folder of a search, among several that share one storage: each trial's files lie in one of them.

What keeps two processes from one trial, and a winner's weights, are files. So a trial belongs to the folder in which it
was begun; machines that share no folder share the draws and what is known of trials, not the trials.
"""

import json
import socket
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import YoyakError
from ..files import write_atomic
from .folder import PLACE_FILE

PLACE = "place"
"""In a trial's record: that of the folder in which its files lie; of older versions' trials nothing is known."""


@dataclass(frozen=True)
class SearchPlace:
    """A search's folder.

    Attributes:
        key: its own, in a file there: machines that share the folder agree, and it stays where the folder is moved.
        host: the machine on which it was begun, and `folder` its path there.
    """

    key: str
    host: str
    folder: str

    @classmethod
    def of(cls, folder: Path) -> "SearchPlace":
        """Return that of a folder, which gets a key where it has none; to be called within `deciding`."""
        path = folder / PLACE_FILE
        try:
            key = str(json.loads(path.read_text(encoding="utf-8"))["key"])
        except (OSError, ValueError, LookupError, TypeError):
            key = uuid.uuid4().hex
            write_atomic(path, json.dumps({"key": key}), durable=True)
        return cls(key, socket.gethostname(), str(folder.absolute()))

    def as_json(self) -> dict[str, str]:
        """Return what a trial's record holds."""
        return asdict(self)

    def other(self, attributes: Mapping[str, Any]) -> str | None:
        """Return `FOLDER on HOST` of a trial whose files lie elsewhere, by its attributes; None where they are here."""
        there = attributes.get(PLACE)
        return None if there is None or there["key"] == self.key else f"{there['folder']} on {there['host']}"

    def was_replaced(self, attributes: Mapping[str, Any]) -> bool:
        """Tell whether a trial was begun in a folder of this name that is no longer there."""
        return self.other(attributes) == f"{self.folder} on {self.host}"

    def refuse_others(self, url: str, trials: Sequence[Mapping[str, Any]], anew: bool) -> None:
        """Raise YoyakError where trials, by their attributes, were begun in a folder that this one has replaced.

        Also where all are to be replaced (`anew`) and some of them lie in other folders.
        """
        gone = [number for number, trial in enumerate(trials) if self.was_replaced(trial)]
        others = [place for trial in trials if not self.was_replaced(trial) and (place := self.other(trial))]
        if anew and others:
            raise YoyakError(
                f"{url}: holds trials of {others[0]} too, which --overwrite would replace; give another experiment.name"
            )
        if gone and not anew:
            raise YoyakError(
                f"{url}: holds trials of {self.folder} whose files are gone, trial {gone[0]} first; put them back, or "
                "begin anew with --overwrite or another experiment.name"
            )
