"""Where a studio works: the folder of all runs, and its own folder in it."""

import os
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from ..bilingual import Text
from ..runs.schema import RECORD_FILE

_OWN = ".studio"


class PageError(Exception):
    """A request that a page answers with a sentence instead of what was asked for; `status` is HTTP's."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence

    def __reduce__(self) -> tuple[type["PageError"], tuple[int, str]]:
        """Return what a copy is made from: the worker raises it too, in another process."""
        return type(self), (self.status, self.sentence)


NO_SUCH_RUN = Text("There is no such run here.", "그런 실행이 없습니다.")


@dataclass(frozen=True)
class Place:
    """The folder of runs (`outputs`) as the commands name it."""

    runs: Path

    @property
    def own(self) -> Path:
        """Return the studio's own folder: uploads, what it started, votes, the bin."""
        return self.runs / _OWN

    def absolute(self) -> "Place":
        """Return the same place for a process in another folder."""
        return Place(self.runs.absolute())

    def run_names(self) -> list[str]:
        """Return the names of all runs, those first whose record was written last."""
        found = []
        try:
            with os.scandir(self.runs) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    try:
                        found.append((os.stat(f"{entry.path}/{RECORD_FILE}").st_mtime_ns, entry.name))
                    except OSError:  # no run, or one that vanishes just now
                        continue
        except OSError:
            return []
        return [name for _, name in sorted(found, reverse=True)]

    def run(self, name: str) -> Path:
        """Return the folder of a run that is there; `SEARCH~TRIAL` is a run in the folder of a search.

        Raises:
            PageError: 404, there is none of this name.
        """
        folder = self.named(self.runs, name)
        if "~" in name and not folder.exists():
            folder = reduce(self.named, name.split("~"), self.runs)
        if not (folder / RECORD_FILE).is_file():
            raise PageError(404, NO_SUCH_RUN)
        return folder

    def file(self, folder: str, name: str) -> Path:
        """Return a file or folder of the studio's own, there or not; PageError (404) for what is no plain name."""
        return self.named(self.own / folder, name)

    @staticmethod
    def named(folder: Path, name: str) -> Path:
        """Return `folder / name` where that can only be a direct child that is not hidden; else PageError (404)."""
        odd = not name or name.startswith(".") or len(name.encode("utf-8", "replace")) > 255
        if odd or any(character in name for character in "/\\\0") or not name.isprintable():
            raise PageError(404, Text("There is nothing of this name here.", "그런 이름의 항목이 없습니다."))
        return folder / name
