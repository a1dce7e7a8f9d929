"""The report of `yoyak data check` as tables for a terminal."""

import math
from collections import Counter
from typing import TYPE_CHECKING

from ...bilingual import count
from ..files.chat_rows import formats_said
from .check import MOST_LINES_NAMED, DataReport, PromptLengths

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_BAR_CELLS = 40


def render(report: DataReport) -> "RenderableType":
    """Return the report for a rich console: facts, bad rows, lengths, and a histogram where prompts were counted.

    What is of the data is a `Text`; strings are our own words, which the console says in its language.
    """
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_facts_table(report)]
    if report.bad_rows:
        parts += [Text(), _bad_rows_table(report)]
    parts += [Text(), _lengths_table(report)]
    if report.prompts:
        parts += [Text(), *_histogram_lines(report.prompts)]
    return Group(*parts)


def _facts_table(report: DataReport) -> "Table":
    from rich.table import Table
    from rich.text import Text

    bad = sum(rows.count for rows in report.bad_rows.values())
    speakers = Text(", ".join(f"{name} ({count:,})" for name, count in report.common_speakers.items()))
    exports = formats_said(Counter(report.exports))
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column()
    facts: list[tuple[str, RenderableType]] = [
        ("file", Text(report.source)),
        ("encoding", Text(report.encoding)),
        ("usable rows", f"{report.rows:,}"),
        ("bad rows", f"{bad:,}" + (f" ({report.bad_lines:,} lines)" if report.bad_lines > bad else "")),
        *([("composed (NFC)", _composed(report))] if report.composed_rows or report.composed_columns else []),
        *([("read as turns", Text("\n".join([exports, *report.first_turns])))] if report.exports else []),
        *([("exports not read", _unread(report))] if report.unread_exports else []),
        ("repeated dialogues", f"{report.duplicate_dialogues:,}"),
        ("turns without a speaker", f"{report.turns_without_speaker:,}"),
        ("most common speakers", speakers or "none"),
    ]
    for name, value in facts:
        table.add_row(name, value)
    return table


def _composed(report: DataReport) -> str:
    columns = ", ".join(report.composed_columns)
    return count(report.composed_rows, "row") + (f", column names {columns}" if columns else "")


def _unread(report: DataReport) -> str:
    lines = ", ".join(map(str, report.unread_exports[:MOST_LINES_NAMED]))
    return f"{len(report.unread_exports):,} look like one and stay as they are ({report.unit} {lines})"


def _bad_rows_table(report: DataReport) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table("reason", title="Bad rows", title_justify="left")
    table.add_column("rows", justify="right")
    table.add_column(f"first {report.unit}s")
    for reason, rows in report.bad_rows.items():
        more = ["..."] if rows.count > len(rows.lines) else []
        places: RenderableType = Text(", ".join([*map(str, rows.lines), *more]))
        if any(rows.details):
            places = Table.grid(padding=(0, 1))
            for line, detail in zip(rows.lines, rows.details, strict=True):
                places.add_row(f"{line}:" if detail else f"{line}", detail)
            for dots in more:
                places.add_row(dots)
        table.add_row(reason, f"{rows.count:,}", places)
    return table


def _lengths_table(report: DataReport) -> "Table":
    from rich.table import Table

    table = Table("", title="Per dialogue", title_justify="left")
    for heading in ("mean", "p50", "p95", "max"):
        table.add_column(heading, justify="right")
    lengths = {
        "turns": report.turns,
        "speakers": report.speakers,
        "dialogue characters": report.dialogue_chars,
        "summary characters": report.summary_chars,
    }
    if report.prompts:
        lengths["prompt tokens"] = report.prompts.tokens
    for name, spread in lengths.items():
        table.add_row(name, f"{spread.mean:,.1f}", f"{spread.p50:,}", f"{spread.p95:,}", f"{spread.max:,}")
    return table


def _histogram_lines(prompts: PromptLengths) -> list["RenderableType"]:
    from rich.styled import Styled
    from rich.text import Text

    counts = [one.count for one in prompts.histogram]
    total, most = sum(counts), max(counts, default=0)
    lines: list[RenderableType] = [Styled("Prompt tokens before truncation", "italic")]
    for one in prompts.histogram:
        bar = "█" * math.ceil(_BAR_CELLS * one.count / most)
        lines.append(Text(f"{one.low:>7,} - {one.high:>7,}  {bar} {one.count:,}", no_wrap=True))
    share = 100 * prompts.over_limit / total if total else 0.0
    lines.append(f"{prompts.over_limit:,} of {total:,} ({share:.1f}%) exceed {prompts.limit:,} tokens and lose turns")
    return lines
