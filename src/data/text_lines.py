"""Text files by their bytes: which encoding they have, and their lines, none of which can fill the memory."""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ..errors import YoyakError
from .records import LONGEST_ROW_CHARS

ENCODINGS = ("utf-8", "cp949")

_CHUNK = 1 << 20


class RowTooLongError(Exception):
    """A row took more than LONGEST_ROW_CHARS characters; the reader stands at the next line."""


class BoundedLines(Iterator[str]):
    """The lines of a text, which raise RowTooLongError where those of one row together are too long.

    Attributes:
        number: how many lines were read.
    """

    def __init__(self, stream: TextIO) -> None:
        """Read from the start of an open text file."""
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


def detect_encoding(path: Path, name: str) -> str:
    """Return `utf-8-sig` (UTF-8 with a byte order mark), `utf-8` or `cp949`: the first that decodes every byte.

    Raises YoyakError with the place at which each encoding fails, counted in bytes from 0 and in lines from 1.
    """
    with path.open("rb") as stream:
        head = stream.read(3)
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise YoyakError(f"{name}: UTF-16 text; save the file as UTF-8")
    faults = []
    has_mark = head == codecs.BOM_UTF8
    for encoding in ENCODINGS[:1] if has_mark else ENCODINGS:
        fault = _first_undecodable(path, encoding)
        if fault is None:
            return "utf-8-sig" if has_mark else encoding
        faults.append(f"{encoding} fails at byte {fault[0]} (line {fault[1]})")
    raise YoyakError(f"{name}: cannot be decoded: {', '.join(faults)}; save the file as UTF-8")


def _first_undecodable(path: Path, encoding: str) -> tuple[int, int] | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, line = 0, 1
    with path.open("rb") as stream:
        chunk = b"begin"
        while chunk:
            chunk = stream.read(_CHUNK)
            kept_back = decoder.getstate()[0]  # the first bytes of a character that the chunk before cut
            data = kept_back + chunk
            decoder.reset()
            try:
                decoder.decode(data, final=not chunk)
            except UnicodeDecodeError as error:
                return offset + error.start, line + data.count(b"\n", 0, error.start)
            done = len(data) - len(decoder.getstate()[0])
            offset += done
            line += data.count(b"\n", 0, done)
    return None
