"""Rows of a data file that become a file of their own, which is read under the settings that the first one needs."""

import json
from collections.abc import Sequence
from typing import Any

from ...config.schema import DataSettings
from ...data.files.sources import DialogueRow, load_dialogues
from .data_files import table_bytes


def part_suffix(data: DataSettings) -> str:
    """Return the suffix of such a file; `data.records` is a setting of .json files alone."""
    return ".jsonl" if data.records is None else ".json"


def as_in_the_file(rows: Sequence[DialogueRow], source: str, data: DataSettings) -> list[DialogueRow]:
    """Return rows of `source` with their dialogues as it has them.

    Where `data.dialogue_format` names exports, they have become turns, and turns would be refused as no export.
    """
    if data.dialogue_format in ("auto", "turns"):
        return list(rows)
    plain = load_dialogues(source, data.model_copy(update={"dialogue_format": "turns"}))
    of_name = {row.fname: row for row in plain.rows}
    return [of_name[row.fname] for row in rows]


def part_bytes(rows: Sequence[DialogueRow], data: DataSettings) -> bytes:
    """Return rows as the content of a file of `part_suffix`: in `data.encoding`, its rows where `data.records` says."""
    values: list[dict[str, Any]] = [
        {data.id_column: row.fname, data.topic_column: row.topic}
        | {data.dialogue_column: row.dialogue, data.summary_column: row.summary}
        for row in rows
    ]
    if data.records is None and data.encoding in ("auto", "utf-8"):
        return table_bytes(values, ".jsonl", "", "utf-8")
    codec = "utf-8" if data.encoding == "auto" else data.encoding
    if data.records is None:
        return "".join(json.dumps(row) + "\n" for row in values).encode(codec)  # escapes: each codec has these letters
    content: Any = values
    for name in reversed(data.records.split(".")):
        content = {name: content}
    return json.dumps(content).encode(codec)
