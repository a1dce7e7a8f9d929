"""Data files as `yoyak data` reads and writes them: all columns as they are, all files of a command whole or none."""

import io
import os
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...bilingual import count
from ...config.loader import load_config
from ...config.provenance import read_override
from ...config.schema import Config
from ...config.typed import typed
from ...config.unread import OF_ROWS, refuse_unread
from ...errors import YoyakError
from ...files import written_beside

if TYPE_CHECKING:
    from rich.console import Console

    from ...data.files.sources import DialogueTable

SUFFIXES_WRITTEN = (".csv", ".tsv", ".jsonl", ".parquet")

_OF_WRITTEN_ROWS = (
    *(f"data.{kind}_column" for kind in ("dialogue", "summary", "id", "topic")),
    "data.dialogue_format",
)
_OVERRIDE = re.compile(r"[a-z_]+\.[a-z_]+=")


def files_and_config(
    arguments: Sequence[str], experiment: str, command: str, read: Collection[str] = OF_ROWS
) -> tuple[list[str], Config]:
    """Return which arguments are files, and the config that the others (KEY=VALUE) override.

    Raises:
        YoyakError: no file, the same one twice, or a setting that does not exist, or is none of those that the command
            reads.
    """
    overrides = [argument for argument in arguments if _OVERRIDE.match(argument)]
    files = [argument for argument in arguments if argument not in overrides]
    if not files:
        raise YoyakError("name a data file, such as sample:en/train.csv")
    if len(set(files)) < len(files):
        raise YoyakError(f"{max(files, key=files.count)}: named twice; name each file once")
    config = load_config(experiment, overrides)
    refuse_unread(overrides, command, read)
    return files, config


def read_all_columns(source: str, config: Config, console: "Console") -> "DialogueTable":
    """Read a file with all columns; what `data.on_bad_rows=drop` left out is said.

    Raises:
        YoyakError: as `load_dialogues`, and for a data set on the hub.
    """
    from ...data.files.sources import load_dialogues

    if source.startswith("hub:"):
        raise YoyakError(f"{source}: name a file; load_dataset(...).to_json('rows.jsonl') of datasets writes one")
    table = load_dialogues(source, config.data, keep_values=True)
    for rows, reason in table.losses():
        console.print(f"{source}: {count(rows, 'row is', 'rows are')} left out ({reason})", style="yellow")
    return table


def typed_columns(overrides: Sequence[str]) -> list[str]:
    """Return those settings of a command line that the next command on what was written needs too."""
    given = dict(read_override(override) for override in overrides)
    return [typed(name, str(given[name].value)) for name in _OF_WRITTEN_ROWS if name in given]


def written_suffix(source: str) -> str:
    """Return the suffix under which rows of `source` are written: its own, `.jsonl` for `.json`."""
    suffix = Path(source).suffix.lower()
    return ".jsonl" if suffix == ".json" else suffix


def refuse_other_suffixes(path: Path) -> None:
    """Raise YoyakError where rows can't be written to a file of that name."""
    if path.is_dir() or path.suffix.lower() not in SUFFIXES_WRITTEN:
        raise YoyakError(f"--out {path}: name a file that ends in {', '.join(SUFFIXES_WRITTEN)}")


def table_bytes(rows: Sequence[Mapping[str, Any]], suffix: str, source: str, encoding: str) -> bytes:
    """Return rows as the content of a file: UTF-8, with a byte order mark where `encoding`, the source's, is Excel's.

    Excel writes UTF-8 with the mark and, in Korea, CP949; without the mark it would read Hangul as other letters.

    Parquet columns get the types that they have in `source` where that is a Parquet file too.
    """
    if suffix == ".parquet":
        return _parquet(rows, Path(os.path.expanduser(source)))
    from ...inference.row_formats import row_format

    columns = dict.fromkeys(column for row in rows for column in row)
    form = row_format(suffix, list(columns))
    text = "".join([form.header(), *(form.line(dict(row)) for row in rows)])
    has_mark = encoding in ("utf-8-sig", "cp949", "euc-kr") and suffix != ".jsonl"
    return text.encode("utf-8-sig" if has_mark else "utf-8", errors="backslashreplace")


def _parquet(rows: Sequence[Mapping[str, Any]], source: Path) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(source) if source.suffix.lower() == ".parquet" else None
    buffer = io.BytesIO()
    try:
        pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=schema), buffer)
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise YoyakError(f"the rows do not fit into Parquet columns ({reason}); write .jsonl instead") from None
    return buffer.getvalue()


def write_whole(files: Mapping[Path, bytes], overwrite: bool) -> None:
    """Write files, with the folders they need: all of them, or none where one cannot be written.

    Raises:
        YoyakError: a file is there already and `overwrite` is off, or the disk refuses.
    """
    there = [path for path in files if path.exists()]
    if there and not overwrite:
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        raise YoyakError(f"{there[0]}: is there already{more}; add --overwrite, or name another place with --out")
    try:
        with ExitStack() as written:  # each takes its place at the end, when all are written
            for path, content in files.items():
                written.enter_context(written_beside(path)).write_bytes(content)
    except OSError as error:
        where = error.filename or next(iter(files))
        raise YoyakError(f"{where}: cannot be written ({error.strerror}); name another place with --out") from None
