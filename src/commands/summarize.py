"""`yoyak summarize`: the summary of a dialogue, or of each dialogue in a folder or a table."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..bilingual import count
from ..config.schema import Config, DataSettings
from ..config.unread import refuse_unread_by_summarizing
from ..data.files.text_files import dialogue_of, holds_one_dialogue
from ..data.prompt.reasoning import reasoning_note
from ..errors import YoyakError
from ..files import write_atomic
from ..ranks.group import is_first_rank
from ..streams import has_characters_of
from ..visible import json_line
from .console import create_console, print_json, print_text
from .dialogue_text import as_path, read_dialogue
from .exports_said import read_exports
from .generating import (
    fill,
    growing_rows,
    load_to_generate,
    of_first_rank,
    refuse_other_sheets,
    say_loops,
    speaking_console,
    stoppable,
    summaries,
)
from .model import LoadedModel, config_for_use
from .progress import progress
from .several import ONE, Several
from .speech import say_aside
from .together import as_asked

if TYPE_CHECKING:
    from rich.console import Console

    from ..data.prompt.truncation import TruncationCounts
    from ..inference.generator import Generated

_NO_COLUMN = "\0"  # in no file
_SHIPPED = re.compile(r"(sample|hub):\S+\Z")


@dataclass(frozen=True)
class SummarizeRequest:
    """What to summarize, with which model, and where the summaries go (None: standard output).

    `several` processes share the dialogues of a table or folder, each started with `arguments`.
    """

    text: str
    experiment: str | None = None
    adapter: str | None = None
    overrides: Sequence[str] = ()
    out: Path | None = None
    overwrite: bool = False
    as_json: bool = False
    spreadsheet: bool = False
    several: Several = ONE
    arguments: Sequence[str] = ()


def summarize_dialogues(request: SummarizeRequest) -> None:
    """Summarize a text, a file or standard input, or each row of a table and each text of a folder."""
    if not request.text.strip():
        raise YoyakError("the dialogue is empty")
    path = None if _SHIPPED.match(request.text) else as_path(request.text)
    if not _holds_many(request.text, path):
        if request.several:
            raise YoyakError("--gpus and --processes deal out the dialogues of a table or folder; here is one dialogue")
        named = path is not None or request.text == "-"
        encoding = _config(request).data.encoding if named else "auto"
        _summarize_one(request, read_dialogue(request.text, encoding))
        return
    config = _config(request)
    with as_asked(request.several, request.arguments, config.training.rank_timeout):
        if path is not None and path.is_dir():
            rows = read_dialogue_files(path, config.data)
            texts = [row["dialogue"] for row in rows]
            dialogues = read_exports(texts, request.text, config.data.dialogue_format, "file")
            _summarize_rows(request, rows, dialogues, ".csv")
        else:
            rows, dialogues = read_rows(request.text, config.data)
            _summarize_rows(request, rows, dialogues, Path(request.text).suffix.lower())


def _holds_many(text: str, path: Path | None) -> bool:
    """Tell whether a text names a folder, a table or a shipped one, all of which may hold several dialogues."""
    from ..data.files.readers import SUFFIXES

    if path is None:
        return _SHIPPED.match(text) is not None
    return path.is_dir() or (path.suffix.lower() in SUFFIXES and not holds_one_dialogue(path))


def _config(request: SummarizeRequest) -> Config:
    config = config_for_use(request.experiment, request.adapter, list(request.overrides))
    refuse_unread_by_summarizing(request.overrides, config.generation)
    return config


def _summarize_one(request: SummarizeRequest, dialogue: str) -> None:
    console = create_console(stderr=True)
    if request.spreadsheet:
        raise YoyakError("--spreadsheet is of CSV and TSV files, and here is one dialogue; leave it out")
    if request.out is not None and request.out.is_file() and not request.overwrite:
        raise YoyakError(f"--out {request.out}: is there already; pass --overwrite to replace it")
    with stoppable(lambda: "the summary was not finished"):
        config = _config(request)
        dialogue = read_exports([dialogue], "", config.data.dialogue_format)[0]
        loaded = load_to_generate(config, [dialogue], console)
        result = summaries(loaded, [dialogue], lambda *_: None)[0]
    counts = loaded.prompt.counts
    if counts.prompts_cut:
        say_aside(f"the dialogue is too long: {count(counts.turns_cut, 'turn was', 'turns were')} left out")
    line = {"summary": result.text, "ended": result.ended, **counts.as_dict()}
    if result.with_reasoning is not None:
        line["reasoning_removed"] = 1
        say_aside(reasoning_note(1))
    if result.looped:
        line["looped"] = 1
    say_loops([result], config, console)

    def show() -> None:
        print_json(line) if request.as_json else print_text(result.text)

    if request.out is None:
        show()
        return
    try:
        write_atomic(request.out, (json_line(line) if request.as_json else result.text) + "\n")
    except OSError as error:
        show()
        lost = f"--out {request.out}: cannot be written ({error.strerror}); the summary was printed instead"
        raise YoyakError(lost) from None


def _summarize_rows(
    request: SummarizeRequest, rows: Sequence[dict[str, Any]], dialogues: Sequence[str], suffix: str
) -> None:
    """Write the rows with their summaries to `--out`, as they come, or to standard output, all at the end."""
    from ..inference.row_formats import MARK, TABLE_SUFFIXES, row_format

    form = ".jsonl" if request.as_json or suffix not in TABLE_SUFFIXES else suffix
    refuse_other_sheets(request.spreadsheet, form if request.out is None else request.out.suffix.lower())
    console = speaking_console()
    column = _new_column(rows, console)
    if request.out is not None:
        _summarize_into(request, request.out, rows, dialogues, column, console)
        return
    config = _config(request)
    with stoppable(lambda: "nothing was kept; with --out FILE a stopped run goes on where it was"):
        loaded = load_to_generate(config, dialogues, console)
        with progress(console, "Summarizing", len(rows)) as advance:
            results = summaries(loaded, of_first_rank(dialogues, range(len(rows))), lambda *_: advance(1))
    if not is_first_rank():
        return
    columns = dict.fromkeys(name for row in rows for name in row)
    table = row_format(form, [*columns, column], request.spreadsheet)
    lines = [table.line({**row, column: result.text}) for row, result in zip(rows, results, strict=True)]
    into_a_file = sys.stdout is not None and not sys.stdout.isatty() and has_characters_of(sys.stdout, MARK)
    header = table.header() if into_a_file else table.header().removeprefix(MARK)
    print_text("".join([header, *lines]), end="")
    say_loops(results, config, console)
    _say_what_was_cut(loaded.prompt.counts, results, console)


def _summarize_into(
    request: SummarizeRequest,
    out: Path,
    rows: Sequence[dict[str, Any]],
    dialogues: Sequence[str],
    column: str,
    console: "Console",
) -> None:
    if out.resolve() == Path(request.text).resolve():
        raise YoyakError(f"--out {out}: is the input itself; name another file")
    config = _config(request)
    saved = growing_rows(out, rows, [column], config, request.overwrite, request.spreadsheet)
    kept, made = len(saved.done), list["Generated"]()

    def values(result: "Generated") -> dict[str, str]:
        made.append(result)
        return {column: result.text}

    loaded: LoadedModel | None = fill(saved, dialogues, config, console, values)
    if not is_first_rank():
        return
    counts = loaded.prompt.counts if loaded else None
    if request.as_json:
        unended, reasoned = sum(not result.ended for result in made), _reasoned(made)
        line = {"out": str(out), "column": column, "rows": len(rows), "kept": kept, "unended": unended}
        line |= {"reasoning_removed": reasoned} if reasoned else {}
        looped = sum(result.looped for result in made)
        line |= {"looped": looped} if looped else {}
        print_json(line | (counts.as_dict() if counts else {}))
        return
    console.print(f"{count(len(rows), 'summary', 'summaries')} in {out}, column {column}")
    if counts:
        _say_what_was_cut(counts, made, console)


def _new_column(rows: Sequence[dict[str, Any]], console: "Console") -> str:
    """Return `summary`, or `generated_summary` where the input has a `summary`, which is kept as it is."""
    names = {name for row in rows for name in row}
    if "summary" not in names:
        return "summary"
    if "generated_summary" in names:
        raise YoyakError("the input has the columns summary and generated_summary already; rename or leave out one")
    console.print("The input's column summary is kept; the new one is generated_summary", style="dim")
    return "generated_summary"


def _reasoned(results: "Sequence[Generated]") -> int:
    return sum(result.with_reasoning is not None for result in results)


def _say_what_was_cut(counts: "TruncationCounts", results: "Sequence[Generated]", console: "Console") -> None:
    if counts.prompts_cut:
        too_long = count(counts.prompts_cut, "dialogue was", "dialogues were")
        note = f"{too_long} too long: {count(counts.turns_cut, 'turn was', 'turns were')} left out"
        console.print(note, style="yellow")
    if _reasoned(results):
        console.print(reasoning_note(_reasoned(results)), style="yellow")
    unended = sum(not result.ended for result in results)
    if unended:
        console.print(f"{count(unended, 'summary', 'summaries')} ran into tokenizer.decoder_max_len", style="yellow")


def read_rows(source: str, settings: DataSettings) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the rows of a table with all columns, and their dialogues; ids may repeat and summaries be absent."""
    from ..data.files.sources import load_dialogues

    only_dialogues = {"id_column": _NO_COLUMN, "summary_column": _NO_COLUMN, "topic_column": _NO_COLUMN}
    settings = settings.model_copy(update=only_dialogues)
    table = load_dialogues(source, settings, need_summary=False, keep_values=True)
    for rows, reason in table.losses():
        say_aside(f"{source}: {count(rows, 'row is', 'rows are')} left out ({reason})")
    return table.values, [row.dialogue for row in table.rows]


def read_dialogue_files(folder: Path, settings: DataSettings) -> list[dict[str, Any]]:
    """Return the `.txt` files of a folder, by name, as rows of `fname` and `dialogue`.

    One that is no dialogue is refused, or left out and said, by `settings.on_bad_rows`.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".txt" and path.is_file())
    if not files:
        raise YoyakError(f"{folder}: no .txt file in this folder; put one dialogue into each")
    rows = []
    for path in files:
        try:
            rows.append({"fname": path.name, "dialogue": dialogue_of(path, settings.encoding)})
        except YoyakError as error:
            if settings.on_bad_rows == "refuse":
                raise YoyakError(f"{error}; data.on_bad_rows=drop leaves such files out") from None
            say_aside(str(error))
    if not rows:
        raise YoyakError(f"{folder}: no .txt file in this folder is a dialogue")
    return rows
