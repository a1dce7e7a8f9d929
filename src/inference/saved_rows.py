"""A file of rows and their summaries that grows as they are generated, and from which a stopped run goes on."""

import json
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from ..errors import YoyakError
from ..files import appending, write_atomic
from .row_formats import RowFormat, RowValues, refuse_other_formats, row_format

_FOUND = "found"  # beside the settings, whose names have a point or a space


class SavedRows:
    """The rows of an input, in a file, with generated columns added; those of the rows that are there are in `done`.

    While it grows, rows stand in the order in which they came; `finish` puts them into the input's. Rows already saved
    are matched by their own columns, so order doesn't matter. `FILE.settings.json` beside it says what the
    summaries were made with: only a run with the same settings goes on. What was found while they were made, and holds
    for those that are still missing, is in `found`, and kept there too.
    """

    def __init__(
        self,
        path: Path,
        rows: Sequence[Mapping[str, Any]],
        generated: Sequence[str],
        settings: Mapping[str, Any],
        overwrite: bool = False,
        formulas_as_text: bool = False,
    ) -> None:
        """Read what is there, which `overwrite` leaves out; nothing is written yet.

        The file is .csv, .tsv or .jsonl, `rows` are the input's by column, `generated` the columns that are added,
        `settings` what decides them. `formulas_as_text`: see `Delimited`.

        Raises:
            YoyakError: the file was made with other settings, from other rows, or by something else.
        """
        refuse_other_formats(path)
        self.path, self.rows = path, [dict(row) for row in rows]
        self.generated = list(generated)
        self.settings = json.loads(json.dumps(settings, default=str))
        columns = dict.fromkeys(column for row in self.rows for column in row)
        self._format: RowFormat = row_format(path.suffix.lower(), [*columns, *self.generated], formulas_as_text)
        self.done: dict[int, RowValues] = {}
        self.found: dict[str, Any] = {}
        if path.exists() and not overwrite:
            self._refuse_other_settings()
            self._match(self._format.parse(_text(path), str(path)))

    @property
    def settings_path(self) -> Path:
        """Return the file with the settings."""
        return self.path.with_name(f"{self.path.name}.settings.json")

    @property
    def missing(self) -> list[int]:
        """Return the indices of the rows without a summary."""
        return [index for index in range(len(self.rows)) if index not in self.done]

    @contextmanager
    def growing(self) -> Iterator[None]:
        """Hold the file open for `add`; what a killed run left half-written is gone from it."""
        with _refusing_unwritable(self.path):
            kept = self.settings | ({_FOUND: self.found} if self.found else {})
            _replace(self.settings_path, json.dumps(kept, ensure_ascii=False, indent=1) + "\n")
            self._write_in_order()
            self._file: TextIO = appending(self.path)
        try:
            yield
        finally:
            with suppress(OSError):  # every row was flushed; what a full disk has refused has been said
                self._file.close()

    def add(self, index: int, values: RowValues) -> None:
        """Append a row with its generated values, at once readable in the file."""
        self.done[index] = values
        with _refusing_unwritable(self.path):
            self._file.write(self._format.line(self.rows[index] | values))
            self._file.flush()

    def finish(self) -> None:
        """Put the rows into the input's order."""
        with _refusing_unwritable(self.path):
            self._write_in_order()

    def _write_in_order(self) -> None:
        lines = [self._format.line(self.rows[index] | self.done[index]) for index in sorted(self.done)]
        _replace(self.path, "".join([self._format.header(), *lines]))

    def _refuse_other_settings(self) -> None:
        again = "pass --overwrite to begin anew, or --out with another file"
        try:
            made_with = dict(json.loads(self.settings_path.read_text(encoding="utf-8")))
            self.found = dict(made_with.pop(_FOUND, {}))
        except FileNotFoundError:
            raise YoyakError(f"{self.path}: is there already, without {self.settings_path.name}; {again}") from None
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise YoyakError(f"{self.settings_path}: cannot be read ({error}); {again}") from None
        names = [*self.settings, *(made_with.keys() - self.settings.keys())]
        changed = [name for name in names if made_with.get(name) != self.settings.get(name)]
        if changed:
            first, more = changed[0], f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
            before, now = (json.dumps(s.get(first), ensure_ascii=False) for s in (made_with, self.settings))
            raise YoyakError(f"{self.path}: was made with {first} = {before}, not {now}{more}; {again}")

    def _match(self, stored: Sequence[RowValues]) -> None:
        """Find each stored row's index by its own columns; equal rows are taken in their order."""
        places: dict[str, deque[int]] = defaultdict(deque)
        for index, row in enumerate(self.rows):
            places[self._key(self._format.stored(row))].append(index)
        for number, row in enumerate(stored, start=1):
            where = places.get(self._key(row))
            if not where or self.generated[0] not in row:
                raise YoyakError(
                    f"{self.path}: row {number} is none of the input's; pass --overwrite to begin anew, "
                    "or --out with another file"
                )
            self.done[where.popleft()] = {name: row[name] for name in self.generated if name in row}

    def _key(self, row: RowValues) -> str:
        own = {column: value for column, value in row.items() if column not in self.generated}
        return json.dumps(own, sort_keys=True)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", errors="replace")  # a killed run may have cut a character
    except OSError as error:
        raise YoyakError(f"{path}: cannot be read ({error.strerror})") from None


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    write_atomic(path, text.encode("utf-8", errors="backslashreplace"))


@contextmanager
def _refusing_unwritable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise YoyakError(f"{path}: cannot be written ({error.strerror}); name another file with --out") from error
