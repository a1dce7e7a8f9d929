"""`yoyak data stats`: lengths, turns, speakers, compression, overlap, topics, shared dialogues, as table and page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...bilingual import count
from ...config.schema import Config
from ...config.typed import typed_path
from ...config.unread import OF_ROWS
from ...errors import YoyakError
from ...reports.data_measures import MEASURES, short_names, written
from ..console import create_console, print_json, quiet_libraries
from ..speech import Quoted
from .data_files import files_and_config, write_whole

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ...data.files.sources import DialogueRow
    from ...data.tools.stats import DataStats, Measures


@dataclass(frozen=True)
class StatsRequest:
    """Files and KEY=VALUE overrides, the config, and where the page goes (None: no page)."""

    arguments: Sequence[str]
    experiment: str
    out: Path | None
    tokenization: str
    as_json: bool


def stats(request: StatsRequest) -> None:
    """Measure files, print the table or JSON, and write the page."""
    from ...data.files.sources import read_dialogues
    from ...data.tools.duplicates import NEAR_JACCARD
    from ...data.tools.stats import describe_files

    files, config = files_and_config(request.arguments, request.experiment, "data stats", [*OF_ROWS, "model."])
    if request.out is not None and request.out.suffix.lower() not in (".html", ".htm"):
        raise YoyakError(f"--out {request.out}: the page is HTML; name a file that ends in .html")
    tables = [read_dialogues(file, config.data) for file in files]
    empty = next((table.source for table in tables if not table.rows), None)
    if empty:
        raise YoyakError(f"{empty}: no usable row; yoyak data check {typed_path(empty)} says why")
    token_lengths, why_not = _token_lengths(config)
    measures = [_measures(table.rows, token_lengths, request.tokenization) for table in tables]
    tokenizer = config.model.checkpoint if token_lengths else None
    report = describe_files(tables, measures, tokenizer, request.tokenization, NEAR_JACCARD)
    if request.out is not None:
        from ...reports.data_page import render_data_page

        write_whole({request.out: render_data_page(report, measures).encode()}, overwrite=True)
    if request.as_json:
        print_json(report.as_dict())
        return
    _show(report, create_console())
    console = create_console()
    if why_not:
        console.print(f"Lengths in tokens are left out: {why_not}")
    if request.out is not None:
        console.print(f"Page: {request.out}")


def _token_lengths(config: Config) -> tuple[Callable[[list[str]], list[int]] | None, str | None]:
    """Return what counts the tokens of texts under the config's tokenizer, or why there is none."""
    quiet_libraries()
    from transformers import PreTrainedTokenizerFast

    from ...data.prompt.round_trip import UnfitTokenizerError
    from ...data.prompt.text_encoder import text_encoder
    from ...models.checkpoints import load_from, origin_arguments
    from ...models.resolve import resolve_checkpoint

    try:
        checkpoint = resolve_checkpoint(config.model.checkpoint)
        file = Path(checkpoint) / "tokenizer.json"
        if file.is_file():
            encoder = text_encoder(load_from(str(file), lambda name: PreTrainedTokenizerFast(tokenizer_file=name)))
        else:  # imports torch, for which counting needs not wait otherwise
            from transformers import AutoTokenizer

            origin = origin_arguments(config.model)
            encoder = text_encoder(load_from(checkpoint, AutoTokenizer.from_pretrained, **origin))
    except UnfitTokenizerError:
        raise
    except YoyakError as error:
        return None, str(error)
    return lambda texts: [len(ids) for ids in encoder.encode_batch(texts)], None


def _measures(
    rows: "Sequence[DialogueRow]", token_lengths: Callable[[list[str]], list[int]] | None, tokenization: str
) -> "Measures":
    from ...data.tools.stats import measure_rows
    from ...evaluation.copying import copied_share
    from ...evaluation.tokenizations import tokenize_pairs

    pairs = tokenize_pairs([(row.dialogue, row.summary) for row in rows], tokenization)  # type: ignore[arg-type]
    copied = [copied_share(summary, dialogue) for dialogue, summary in pairs]
    return measure_rows(rows, token_lengths) | {
        "compression": [len(dialogue) / max(len(summary), 1) for dialogue, summary in pairs],
        "coverage": [one.coverage for one in copied],
        "density": [one.density for one in copied],
    }


def _show(report: "DataStats", console: "Console") -> None:
    console.print(_files_table(report))
    console.print()
    console.print(_measures_table(report))
    words = f"Words are cut as {report.tokenization}"
    console.print(f"{words}; tokens are those of {report.tokenizer}" if report.tokenizer else words, style="dim")
    for one in report.shared:
        console.print(
            f"\n{one.second} shares with {one.first}: {count(one.exact, 'dialogue')} exactly, {one.near:,} more nearly "
            f"(word trigrams, Jaccard {report.near_jaccard:g} or more)",
            style="yellow" if one.exact or one.near else None,
        )
        for pair in one.pairs[:5]:
            console.print(f"  {pair.second}  like  {pair.first}  ({pair.jaccard:.2f})")


def _files_table(report: "DataStats") -> "Table":
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="bold")
    for name, values in (
        ("file", [file.source for file in report.files]),
        ("rows", [f"{file.rows:,}" for file in report.files]),
        ("rows left out", [f"{sum(file.left_out.values()):,}" for file in report.files]),
        ("repeated dialogues", [f"{file.repeated_dialogues:,}" for file in report.files]),
        ("near-duplicates", [f"{file.near_duplicates:,}" for file in report.files]),
        ("topics", [f"{file.topics:,}" for file in report.files]),
        ("most common", ["\n".join(f"{t} ({n:,})" for t, n in [*f.common_topics.items()][:3]) for f in report.files]),
    ):
        table.add_row(name, *map(Quoted, values))
    return table


def _measures_table(report: "DataStats") -> "Table":
    from rich.table import Table

    several = len(report.files) > 1
    names = short_names([file.source for file in report.files])
    table = Table(title="Per dialogue", title_justify="left")
    table.add_column("")
    if several:
        table.add_column("file")
    for heading in ("mean", "p5", "p50", "p95", "max"):
        table.add_column(heading, justify="right")
    for name, measure in MEASURES.items():
        for number, file in enumerate(report.files):
            if name in file.measures:
                spread = file.measures[name]
                places, others = measure.decimals, (spread.p5, spread.p50, spread.p95, spread.max)
                shown = [written(spread.mean, max(places, 1)), *(written(value, places) for value in others)]
                label, file_name = measure.label if number == 0 else "", [names[number]] if several else []
                last = number == len(report.files) - 1
                table.add_row(label, *map(Quoted, [*file_name, *shown]), end_section=several and last)
    return table
