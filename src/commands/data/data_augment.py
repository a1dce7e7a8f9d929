"""`yoyak data augment`: more training rows, by renaming speakers or by other instructions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...bilingual import count
from ...config.schema import DataSettings
from ...config.typed import typed
from ...errors import YoyakError
from ..console import create_console, print_json
from ..speech import Quoted
from .data_files import (
    files_and_config,
    read_all_columns,
    refuse_other_suffixes,
    table_bytes,
    typed_columns,
    write_whole,
)

if TYPE_CHECKING:
    from rich.console import Console

    from ...data.files.sources import DialogueRow, DialogueTable
    from ...data.tools.augment import Renaming

_MOST_TURNS_SHOWN = 4
_MOST_REASONS_SHOWN = 5

_Rows = list[tuple["DialogueRow", dict[str, Any]]]


@dataclass(frozen=True)
class AugmentRequest:
    """What to augment, how, and the file for the rows."""

    file: str
    overrides: Sequence[str]
    out: Path
    experiment: str
    rename_speakers: int = 0
    instructions: bool = False
    seed: int = 42
    show: int = 0
    overwrite: bool = False
    as_json: bool = False


def augment(request: AugmentRequest) -> None:
    """Write the rows of a file with their renamed copies, as columns or, under five instructions, as messages."""
    from ...data.tools.augment import rename_speakers

    console = create_console(stderr=request.as_json)
    _refuse_unusable(request)
    _, config = files_and_config([request.file, *request.overrides], request.experiment, "data augment")
    table = read_all_columns(request.file, config, console)
    rows: _Rows = list(zip(table.rows, table.values, strict=True))
    report: dict[str, Any] = {"source": request.file, "rows": len(rows), "out": str(request.out)}
    if request.rename_speakers:
        renaming = rename_speakers(table.rows, request.rename_speakers, request.seed)
        rows = _with_copies(table, renaming, config.data)
        report["renamed"] = {
            "copies": len(renaming.copies),
            "rows_with_copies": len(table.rows) - renaming.rows_without,
            "speakers_kept": dict(renaming.kept_speakers.most_common()),
        }
        _show_renaming(table, renaming, report["renamed"], request.show, console)
    written = [values for _, values in rows]
    if request.instructions:
        written = _as_messages(rows, config.data)
        _show_instructions(rows, request.show, console)
    content = table_bytes(written, request.out.suffix.lower(), request.file, table.encoding)
    write_whole({request.out: content}, request.overwrite)
    report["rows_written"] = len(written)
    if request.as_json:
        print_json(report)
        return
    console.print(f"{count(len(written), 'row')} in {request.out}")
    for line in _next(request):
        console.print(line)


def _refuse_unusable(request: AugmentRequest) -> None:
    if not request.rename_speakers and not request.instructions:
        raise YoyakError("say what to add: --rename-speakers N, --instructions, or both")
    refuse_other_suffixes(request.out)
    if request.instructions and request.out.suffix.lower() != ".jsonl":
        raise YoyakError(f"--out {request.out}: --instructions writes messages; name a file that ends in .jsonl")
    if request.out.resolve() == Path(request.file).resolve():
        raise YoyakError(f"--out {request.out}: is the input itself; name another file")


def _with_copies(table: "DialogueTable", renaming: "Renaming", settings: DataSettings) -> _Rows:
    """Return each row, then its copies; a copy has all columns of the row, and an id of its own."""
    if not all({settings.dialogue_column, settings.summary_column} <= values.keys() for values in table.values):
        raise YoyakError(
            f"{table.source}: holds conversations; --rename-speakers needs columns of dialogue and summary"
        )
    copies: dict[int, _Rows] = {}
    for copy in renaming.copies:
        values = table.values[copy.source]
        changed = {settings.dialogue_column: copy.row.dialogue, settings.summary_column: copy.row.summary}
        if settings.id_column in values:
            changed[settings.id_column] = copy.row.fname
        copies.setdefault(copy.source, []).append((copy.row, values | changed))
    return [
        one
        for index, own in enumerate(zip(table.rows, table.values, strict=True))
        for one in (own, *copies.get(index, ()))
    ]


def _as_messages(rows: _Rows, settings: DataSettings) -> list[dict[str, Any]]:
    """Return five rows for each: `messages` instead of dialogue and summary, the other columns as they are."""
    from ...data.tools.augment import instruction_messages
    from ...data.tools.augment_speakers import is_korean

    replaced = {settings.id_column, settings.dialogue_column, settings.summary_column, "messages", "conversations"}

    def is_replaced(column: str, value: Any) -> bool:
        return column in replaced or (column in ("prompt", "completion") and isinstance(value, list))

    return [
        {settings.id_column: f"{row.fname}_instruction{number}"}
        | {column: value for column, value in values.items() if not is_replaced(column, value)}
        | {"messages": messages}
        for row, values in rows
        for number, messages in enumerate(instruction_messages(row, "ko" if is_korean(row.dialogue) else "en"), 1)
    ]


def _show_renaming(
    table: "DialogueTable", renaming: "Renaming", report: dict[str, Any], show: int, console: "Console"
) -> None:
    first_copies = {copy.source: copy for copy in reversed(renaming.copies)}
    for copy in sorted(first_copies.values(), key=lambda copy: copy.source)[:show]:
        before = table.rows[copy.source]
        console.print(Quoted(f"\n{before.fname}: {', '.join(f'{a} -> {b}' for a, b in copy.labels.items())}"))
        for name, row in (("before", before), ("after", copy.row)):
            turns = row.dialogue.split("\n")
            shown = turns[:_MOST_TURNS_SHOWN] + (["..."] if len(turns) > _MOST_TURNS_SHOWN else [])
            console.print(f"  {name}")
            for line in [*(f"    {turn}" for turn in shown), f"    = {row.summary}"]:
                console.print(Quoted(line))
    if show:
        console.print()
    copies = count(report["copies"], "renamed copy", "renamed copies")
    console.print(f"{copies} of {report['rows_with_copies']:,} of {count(len(table.rows), 'row')}")
    reasons = list(report["speakers_kept"].items())
    for reason, speakers in reasons[:_MOST_REASONS_SHOWN]:
        console.print(f"  {count(speakers, 'speaker')} not renamed: {reason}", style="dim")
    rest = sum(speakers for _, speakers in reasons[_MOST_REASONS_SHOWN:])
    if rest:
        console.print(f"  {rest:,} more for other reasons", style="dim")


def _show_instructions(rows: _Rows, show: int, console: "Console") -> None:
    from ...data.tools.augment import instruction_messages
    from ...data.tools.augment_speakers import is_korean

    for row, _ in rows[:show]:
        console.print(f"\n{row.fname}: under five instructions")
        for _, user, _ in instruction_messages(row, "ko" if is_korean(row.dialogue) else "en"):
            sentence, _, dialogue = user["content"].partition("\n")
            first = dialogue.split("\n")[0]
            console.print(Quoted(f"  user       {sentence} | {first} | ..."))
        console.print(Quoted(f"  assistant  {row.summary}\n"))


def _next(request: AugmentRequest) -> list[str]:
    columns = typed_columns(request.overrides)
    if request.instructions:
        return [
            "The messages are for other trainers. yoyak train shows the five instructions by itself, from a file with "
            "dialogues: data.instruction_augmentation=true"
        ]
    return [
        "Augment the training file only, after the split: a copy of an evaluation dialogue gives its answer away",
        f"Next: yoyak train -e CONFIG {' '.join([typed('data.train', str(request.out)), *columns])}",
    ]
