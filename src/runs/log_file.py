"""A run's log file, which a full disk or a removed folder can't turn against the run."""

import logging
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler
from pathlib import Path

from ..files import appending


class LogFile(WatchedFileHandler):
    """Appends lines, to no link. A file or folder that is gone is made again; a line that can't be written is lost."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(path, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        return appending(Path(self.baseFilename))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        with suppress(OSError):
            Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Lose the line: logging would print a traceback for it."""

    def close(self) -> None:
        """Close, also where the last bytes can't be written."""
        with suppress(OSError):
            super().close()
