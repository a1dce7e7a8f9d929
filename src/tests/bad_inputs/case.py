"""A row of the table of bad inputs: files, command, the line that is said, exit code (or HTTP status).

A command is a shell line after `yoyak`, run in a folder with the case's files, or `POST PATH` with a body. TINY is a
config of a tiny model with good data. The line is the last one on standard error without its `yoyak: `, or the
message of the server's answer; `...` at its end, or at both ends, stands for any rest.
"""

import io
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Content = str | bytes | Callable[[], bytes]


@dataclass(frozen=True)
class Case:
    """A row of the table; `files` are written before the command, and nothing else may be there after it."""

    name: str
    command: str
    line: str
    code: int = 2
    files: Mapping[str, Content] = field(default_factory=dict)
    prepare: Callable[[Path], None] | None = None
    """Makes further files from those in a folder with a tiny model (`base`), an adapter (`adapter`) and its data."""
    body: bytes = b""


def parquet(rows: Mapping[str, Any], **options: Any) -> Callable[[], bytes]:
    """Return what makes the bytes of a Parquet file."""

    def make() -> bytes:
        buffer = io.BytesIO()
        pq.write_table(pa.table(rows), buffer, **options)
        return buffer.getvalue()

    return make


def damaged(rows: Mapping[str, Any], start: int, stop: int | None, **options: Any) -> Callable[[], bytes]:
    """Return what makes a Parquet file in which some bytes are 255."""

    def make() -> bytes:
        content = bytearray(parquet(rows, **options)())
        content[start:stop] = b"\xff" * len(content[start:stop])
        return bytes(content)

    return make


MODEL = "model:\n  checkpoint: bundled:smollm2-135m\n"
HEAD = "dialogue,summary\n"
GOOD = {"dialogue": ["A: hi"], "summary": ["A greets."]}
MEND = "; mend the rows or set data.on_bad_rows=drop"
OWN_COLUMNS = "use data.dialogue_column=COLUMN data.summary_column=COLUMN"


def copied(source: str, **changed: str | bytes | None) -> Callable[[Path], None]:
    """Return what copies a folder of the tiny model to `m` with files replaced (`config_json` is config.json)."""

    def prepare(tiny: Path) -> None:
        shutil.copytree(tiny / source, "m")
        for name, content in changed.items():
            path = Path("m") / ".".join(name.rsplit("_", 1))
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return prepare


def cut(source: str, name: str, size: int) -> Callable[[Path], None]:
    """Return what copies a folder of the tiny model to `m`, of one file only the first bytes."""

    def prepare(tiny: Path) -> None:
        shutil.copytree(tiny / source, "m")
        (Path("m") / name).write_bytes((tiny / source / name).read_bytes()[:size])

    return prepare


def changed_json(source: str, name: str, **changed: Any) -> Callable[[Path], None]:
    """Return what copies a folder of the tiny model to `m`, with other values in a JSON file."""

    def prepare(tiny: Path) -> None:
        shutil.copytree(tiny / source, "m")
        old = json.loads((Path("m") / name).read_text())
        (Path("m") / name).write_text(json.dumps(old | changed))

    return prepare
