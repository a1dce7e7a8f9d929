"""Rows of CSV and TSV text: quoted fields with line ends in them, and rows whose quotes don't fit.

A quote may open a field only at its start, close it only at its end, and is doubled inside. Where that fails, the row
is broken, and what comes behind it may be its rest, though it looks like rows: `"A: he is 6'2" tall, yes` / `B: ok,
fine` / `C: bye",Summary` has a second line of two fields. So rows without quotes wait until the next one with quotes:
if that opens and closes its fields, they are rows; if a quote is closed there that was not opened, all are the broken
row's.

A quote may be opened by mistake, and the next one, lines below, closed by mistake: `"Wait, what?<TAB>B left.` ...
`stop"<TAB>A shout.` is then one row with several foreign summaries in it. Its lines are taken one by one where each of
them looks like a whole row (as many delimiters as the header has) and so do nine in ten of all lines, and no line of
the file shows that its writer quotes (a doubled quote, or a row in one line with two quoted fields or a delimiter in
one). Of a single column any line looks so, and a row whose quotes fit is what it says.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TextIO

from .records import LONGEST_ROW_CHARS, BadRow, too_long

REASON = "broken quoting"
_MOST_HELD_ROWS = 1000
_MOST_HELD_CHARS = 1 << 20
_LEAST_ROWLIKE = 0.9
_TAKEN = "; lines "

_INSIDE = re.compile(r'[^"]*+(?:""[^"]*+)*+')
# A comma in a text stands before a space or between digits. (A pattern that begins with its letter is found fastest.)
_BARE_COMMA = re.compile(r",(?!\s)(?!(?<=\d,)\d)")


@dataclass(slots=True)
class QuotedRow:
    """A row's first line, fields and how many lines and characters it took.

    `kind` is `plain` (no quoted field), `quoted`, or what is wrong: `closing` (a quote is closed that was not opened),
    `stray` (the same behind a quoted field), `broken` (text behind a closing quote), `open` (a quote is not closed up
    to the file's end), `swallows` (nor in its line, and the lines behind it are rows), `long`.
    """

    line: int
    kind: str = "plain"
    fields: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    fault_line: int = 0
    opens_in_last: bool = False
    """Whether the text behind a closing quote begins the last line: that quote may open another row's first field."""

    @property
    def last(self) -> int:
        """Return the row's last line."""
        return self.line + len(self.lines) - 1


class _Lines:
    """The lines of a text, each bounded, which can be put back."""

    def __init__(self, stream: TextIO) -> None:
        self.number = 0
        self._stream = stream
        self._back: deque[str] = deque()

    def take(self) -> str | None:
        """Return the next line with its end, cut behind LONGEST_ROW_CHARS + 1 characters; None at the end."""
        if self._back:
            self.number += 1
            return self._back.popleft()
        line = self._stream.readline(LONGEST_ROW_CHARS + 1)
        if not line:
            return None
        self.number += 1
        rest = line
        while len(line) > LONGEST_ROW_CHARS and rest and not rest.endswith(("\n", "\r")):
            rest = self._stream.readline(1 << 20)
        return line

    def put_back(self, lines: Iterable[str]) -> None:
        """Let the next lines be these."""
        lines = list(lines)
        self._back.extendleft(reversed(lines))
        self.number -= len(lines)


def quoted_rows(opened: Callable[[], TextIO], delimiter: str) -> Iterator[QuotedRow | BadRow]:
    """Yield the rows of a text, the header among them, and broken ones as BadRow.

    `opened` opens the text with its line ends as they are; it is called again where all of it has to be looked at.
    """
    with opened() as stream:
        yield from _Reader(_Lines(stream), opened, delimiter)


class _Reader:
    def __init__(self, lines: _Lines, opened: Callable[[], TextIO], delimiter: str) -> None:
        self._lines, self._opened, self._delimiter = lines, opened, delimiter
        self._plain = re.compile(rf"[^{delimiter}\r\n]*+")
        self._ends = {delimiter, "\r", "\n", ""}
        self._delimiters = 0  # of the header
        self._rows_by_line: int | None = None
        self._held: list[QuotedRow | BadRow] = []
        self._held_chars = 0

    def __iter__(self) -> Iterator[QuotedRow | BadRow]:
        header = self._next_row()
        if header is None:
            return
        yield header if header.kind in ("plain", "quoted") else self._bad(header)
        self._delimiters = len(header.fields) - 1
        while (row := self._next_row()) is not None:
            if self._swallows_rows(row):
                self._lines.put_back(row.lines[1:])
                row = QuotedRow(row.line, "swallows", lines=row.lines[:1])
            if row.kind in ("closing", "stray") and self._is_line_oriented(1):
                row.kind = "plain"
            is_rest = self._is_behind_broken_row() and row.kind not in ("plain", "quoted")
            if row.kind == "closing" or is_rest:
                self._resume_behind(row)
                self._hold_merged(row)
                continue
            if row.kind != "plain":
                yield from self._release()
            if row.kind in ("plain", "quoted"):
                yield from self._hold(row)
            else:
                self._resume_behind(row)
                self._held = [self._bad(row)]
        yield from self._release()

    def _swallows_rows(self, row: QuotedRow) -> bool:
        if row.kind == "quoted" and not self._delimiters:
            return False
        # A row of two lines that looks like two rows, but not like one, ends where its quote shows it to be broken.
        span = len(row.lines)
        fewest = 3 if row.kind in ("broken", "open") else 2
        return span >= fewest and all(map(self._is_rowlike, row.lines)) and self._is_line_oriented(span)

    def _hold(self, row: QuotedRow) -> Iterator[QuotedRow | BadRow]:
        self._held.append(row)
        self._held_chars += sum(map(len, row.lines))
        if len(self._held) > _MOST_HELD_ROWS or self._held_chars > _MOST_HELD_CHARS:
            yield from self._release()

    def _release(self) -> Iterator[QuotedRow | BadRow]:
        held, self._held, self._held_chars = self._held, [], 0
        yield from held

    def _is_behind_broken_row(self) -> bool:
        first = self._held[0] if self._held else None
        return isinstance(first, BadRow) or (first is not None and len(first.fields) != self._delimiters + 1)

    def _hold_merged(self, row: QuotedRow) -> None:
        """Make one bad row of all that is held and of a row that closes a quote which was not opened."""
        first, fault = row.line, f"a quote is closed in line {row.last} that was not opened"
        if self._held:
            first = self._held[0].line
            if isinstance(self._held[0], BadRow) and self._held[0].reason == REASON:
                fault = self._held[0].detail.partition(_TAKEN)[0]
        self._held, self._held_chars = [_bad_lines(first, row.last, fault, row.last > first)], 0

    def _next_row(self) -> QuotedRow | None:
        """Return the next row; a line without any character is none."""
        while (line := self._lines.take()) is not None:
            if line.strip("\r\n"):
                if len(line) > LONGEST_ROW_CHARS:
                    return QuotedRow(self._lines.number, "long", lines=[""])
                if '"' not in line:
                    return QuotedRow(self._lines.number, "plain", line.rstrip("\r\n").split(self._delimiter), [line])
                return self._row_with_quotes(line)
        return None

    def _row_with_quotes(self, line: str, following: Callable[[], str | None] | None = None) -> QuotedRow:
        """Return the row that begins with a line; `following` gives its next lines."""
        following = following or self._lines.take
        row = QuotedRow(self._lines.number, lines=[line])
        parts: list[str] = []  # of the quoted field that is open
        at, chars, is_open = 0, len(line), False
        while True:
            if not is_open and line[at : at + 1] == '"':
                is_open, parts, at = True, [], at + 1
            if not is_open:
                end = _end(self._plain, line, at)
                row.fields.append(text := line[at:end])
                if text.count('"') % 2 and text.rstrip(" ").endswith('"'):
                    row.kind = "closing" if row.kind == "plain" else "stray"
                at = end
            else:
                end = _end(_INSIDE, line, at)
                parts.append(line[at:end].replace('""', '"'))
                if end == len(line):
                    next_line = following()
                    if next_line is None:
                        row.kind, row.fault_line = "open", row.last
                        return row
                    row.lines.append(next_line)
                    line, at, chars = next_line, 0, chars + len(next_line)
                    if chars > LONGEST_ROW_CHARS:
                        row.kind = "long"
                        return row
                    continue
                if line[end + 1 : end + 2] not in self._ends:
                    row.kind, row.fault_line = "broken", row.last
                    row.opens_in_last = len(row.lines) > 1 and end == 0
                    if parts[0].startswith(self._delimiter):
                        row.kind = "closing"  # what is between two quoted fields is in quotes
                    return row
                row.fields.append("".join(parts))
                row.kind = "quoted" if row.kind == "plain" else row.kind
                is_open, at = False, end + 1
            if line[at : at + 1] != self._delimiter:
                return row
            at += 1

    def _resume_behind(self, row: QuotedRow) -> None:
        """Go on where a row can start again, and count the lines up to there to the broken row."""
        while row.opens_in_last:  # the start of another row or a line of this one: what it begins is taken too
            self._lines.put_back([row.lines.pop()])
            following = self._next_row()
            assert following is not None
            row.lines += following.lines
            row.opens_in_last = following.opens_in_last
        if row.kind == "long" and len(row.lines) > 1:  # what follows is in the open quote too
            self._lines.put_back([row.lines.pop()])
            while (line := self._lines.take()) is not None:
                if '"' in line:
                    self._lines.put_back([line])
                    return
                row.lines.append("")

    def _bad(self, row: QuotedRow) -> BadRow:
        if row.kind == "long":
            bad = too_long(row.line)
            return BadRow(row.line, bad.reason, bad.detail, len(row.lines))
        at = row.fault_line or row.last
        faults = {
            "open": f"a quote is opened and not closed up to the file's end in line {at}",
            "swallows": "a quote is opened and not closed in this line, and the lines behind it are rows",
            "broken": f"text after a closing quote in line {at} (quotes inside a quoted field are doubled)",
        }
        fault = faults.get(row.kind, f"a quote is closed in line {at} that was not opened")
        return _bad_lines(row.line, row.last, fault, row.last > at)

    def _is_rowlike(self, line: str) -> bool:
        count = line.count(self._delimiter)
        if self._delimiter == "," and count >= self._delimiters:
            count = len(_BARE_COMMA.findall(line))
        return count == self._delimiters

    def _is_line_oriented(self, span: int) -> bool:
        """Return whether each line of the file is a row, as far as lines outside a span of some lines show it."""
        if self._rows_by_line is None:
            self._rows_by_line = self._count_rows_by_line()
        return self._rows_by_line >= max(span + 1, 4)  # the header, and another where the span is small

    def _count_rows_by_line(self) -> int:
        """Return how many lines the file has that is not blank, 0 where they are not its rows."""
        count = rowlike = 0
        with self._opened() as stream:
            lines = _Lines(stream)
            while (line := lines.take()) is not None:
                count += bool(line.strip())
                rowlike += self._is_rowlike(line)
                if '"' in line and self._shows_quoting(line):
                    return 0
        return count if rowlike >= _LEAST_ROWLIKE * count else 0

    def _shows_quoting(self, line: str) -> bool:
        """Return whether a line shows that who wrote it quotes fields: those that need it, or more than one."""
        if '""' in line:
            return True
        alone = self._row_with_quotes(line, lambda: None)
        is_row = alone.kind == "quoted" and len(alone.fields) == self._delimiters + 1
        return is_row and (line.count('"') > 2 or line.count(self._delimiter) > self._delimiters)


def _bad_lines(first: int, last: int, fault: str, say_lines: bool) -> BadRow:
    taken = f"{_TAKEN}{first} to {last}" if say_lines else ""
    return BadRow(first, REASON, fault + taken, last - first + 1)


def _end(pattern: re.Pattern[str], line: str, at: int) -> int:
    """Return where a match that may be empty ends."""
    match = pattern.match(line, at)
    assert match is not None
    return match.end()
