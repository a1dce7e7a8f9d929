"""The lines of text files, none of which can fill the memory."""

from collections.abc import Iterator
from typing import TextIO

from .records import LONGEST_ROW_CHARS

_CHUNK = 1 << 20


class RowTooLongError(Exception):
    """A row took more than LONGEST_ROW_CHARS characters; the reader stands at the next line."""


class BoundedLines(Iterator[str]):
    """The lines of a text, which raise RowTooLongError where those of one row together are too long.

    `number` says how many were read.
    """

    def __init__(self, stream: TextIO) -> None:
        self.number = 0
        self._stream = stream
        self._left = LONGEST_ROW_CHARS

    def start_row(self) -> None:
        """Count from here: the next line begins a row."""
        self._left = LONGEST_ROW_CHARS

    def __next__(self) -> str:
        """Return the next line with its end.

        Raises:
            RowTooLongError: the row is too long; the rest of its line is skipped.
        """
        line = self._stream.readline(self._left + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self._left -= len(line)
        if self._left >= 0:
            return line
        while line and not line.endswith(("\n", "\r")):
            line = self._stream.readline(_CHUNK)
        raise RowTooLongError
