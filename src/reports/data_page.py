"""The page of `yoyak data stats`: one HTML file that asks no host for anything."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import charts, markup, report
from .data_measures import MEASURES, short_names, written
from .markup import Html, join, tag
from .wording import count

if TYPE_CHECKING:
    from ..data.tools.stats import DataStats, FileStats, Measures, SharedDialogues

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = """
.numbers { max-width: none; }
.scroll { overflow-x: auto; }
.scroll + .note { margin-top: .75rem; }
.numbers tbody tr:last-child > * { font-weight: inherit; border-bottom: 1px solid var(--rule); }
.numbers tbody tr:last-child > th { font-weight: 500; }
.numbers tbody th { min-width: 9rem; }
.measure { margin-top: 2.5rem; }
p + p { margin-top: .5rem; }
.measure .charts { margin-top: 1rem; }
.share { display: inline-block; height: .7em; margin-right: .5rem; background: var(--accent); }
"""


def render_page(stats: "DataStats", measures: Sequence["Measures"]) -> str:
    """Return the whole page.

    Args:
        stats: what the files hold.
        measures: for each file the values that the histograms are drawn from.
    """
    names = short_names([file.source for file in stats.files])
    title = ", ".join(names)
    parts = [
        ("files", "Files", _files(stats)),
        ("shared", "Shared dialogues", _shared(stats, names)),
        ("measures", "Per dialogue", _spreads(stats, names)),
        ("distributions", "Distributions", _distributions(names, measures)),
        ("topics", "Topics", _topics(stats, names)),
    ]
    sections = [
        tag(
            "section",
            tag("h2", heading, id=f"{part}-heading"),
            body,
            id=part,
            aria_labelledby=f"{part}-heading",
            class_="part",
        )
        for part, heading, body in parts
        if body
    ]
    header = tag("header", tag("p", "Data", class_="kind"), tag("h1", title))
    body = tag("body", header, tag("main", *sections), tag("footer", tag("p", "Written by yoyak data stats.")))
    return f"<!doctype html>\n{tag('html', _head(title), body, lang='en')}\n"


def _head(title: str) -> Html:
    style = Path(report.__file__).with_name("report.css").read_text(encoding="utf-8") + _STYLE
    return join(
        Html('<head><meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'),
        tag("title", f"{title} · yoyak data"),
        Html(f"<style>\n{style}</style></head>\n"),
    )


def _scrolling(label: str, table: Html) -> Html:
    """Let a wide table scroll by itself on a narrow screen, by keyboard too."""
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=label)


def _files(stats: "DataStats") -> Html:
    columns = ["file", "rows", "left out", "repeated", "near-duplicates", "topics", "without a topic"]
    rows = [
        [
            file.source,
            f"{file.rows:,}",
            f"{sum(file.left_out.values()):,}",
            f"{file.repeated_dialogues:,}",
            f"{file.near_duplicates:,}",
            f"{file.topics:,}",
            f"{file.rows_without_topic:,}",
        ]
        for file in stats.files
    ]
    note = (
        "Repeated: an earlier row has the same dialogue, character for character. Near-duplicates: the runs of three "
        f"words of two dialogues have a Jaccard similarity of {stats.near_jaccard:g} or more."
    )
    left_out = [
        tag("p", f"{file.source}: left out {number:,} ({reason}).", class_="note")
        for file in stats.files
        for reason, number in file.left_out.items()
    ]
    table = _scrolling("Rows", markup.table("Rows", columns, rows, "numbers"))
    return join(table, tag("p", note, class_="note"), *left_out)


def _shared(stats: "DataStats", names: Sequence[str]) -> Html:
    by_source = {file.source: name for file, name in zip(stats.files, names, strict=True)}
    return join(*(_shared_by(one, by_source) for one in stats.shared))


def _shared_by(one: "SharedDialogues", names: Mapping[str, str]) -> Html:
    first, second = names[one.first], names[one.second]
    if not one.pairs:
        return tag("p", f"{second} and {first} share no dialogue, exactly or nearly.")
    counts = f"{second} shares {count(one.exact, 'dialogue')} with {first} exactly, and {one.near:,} more nearly."
    rows = [[pair.second, pair.first, f"{pair.jaccard:.2f}"] for pair in one.pairs[:10]]
    caption = f"The {len(rows)} most alike" if one.exact + one.near > len(rows) else "Which they are"
    columns = [f"in {second}", f"in {first}", "similarity"]
    table = _scrolling(caption, markup.table(caption, columns, rows, "numbers"))
    return join(tag("p", counts), tag("div", table, class_="measure"))


def _spreads(stats: "DataStats", names: Sequence[str]) -> Html:
    several = len(names) > 1
    rows = []
    for name, measure in MEASURES.items():
        for file, file_name in zip(stats.files, names, strict=True):
            if name not in file.measures:
                continue
            spread = file.measures[name]
            values = (spread.min, spread.p5, spread.p50, spread.p95, spread.max)
            label = f"{measure.label} · {file_name}" if several else measure.label
            rows.append(
                [label, written(spread.mean, max(measure.decimals, 1)), *(written(v, measure.decimals) for v in values)]
            )
    columns = ["measure", "mean", "min", "p5", "p50", "p95", "max"]
    caption = "Mean, smallest, percentiles and largest"
    tokens = f"Tokens are those of {stats.tokenizer}. " if stats.tokenizer else ""
    note = f"{tokens}Words are cut as {stats.tokenization}. Coverage and density after Grusky, Naaman and Artzi (2018)."
    return join(_scrolling(caption, markup.table(caption, columns, rows, "numbers")), tag("p", note, class_="note"))


def _distributions(names: Sequence[str], measures: Sequence["Measures"]) -> Html:
    from ..data.tools.stats import shared_bins

    figures = []
    for name, measure in MEASURES.items():
        columns = [of_file[name] for of_file in measures if name in of_file]
        bins = shared_bins(columns) if len(columns) == len(names) else []
        if not bins:
            continue
        drawn = [
            charts.histogram(
                f"{name}-{number}",
                file_name,
                [(bound, counts[number]) for bound, counts in bins],
                measure.unit,
                "dialogue",
            )
            for number, file_name in enumerate(names)
        ]
        heading = tag("h3", measure.label[:1].upper() + measure.label[1:])
        meaning = tag("p", measure.meaning, class_="note")
        figures.append(tag("div", heading, meaning, tag("div", *drawn, class_="charts"), class_="measure"))
    note = tag("p", "The last bar of each holds all that is larger, up to the largest value.", class_="note")
    return join(note, *figures) if figures else Html("")


def _topics(stats: "DataStats", names: Sequence[str]) -> Html:
    tables = [_topics_of(file, name) for file, name in zip(stats.files, names, strict=True) if file.topics]
    return tag("div", *tables, class_="splits") if tables else Html("")


def _topics_of(file: "FileStats", name: str) -> Html:
    most = max(file.common_topics.values())
    rows = []
    for topic, number in file.common_topics.items():
        bar = tag("span", class_="share", style=f"width: {math.ceil(60 * number / most)}%", aria_hidden="true")
        rows.append([topic, join(bar, f"{number:,}")])
    caption = f"{name}: {len(rows)} most common of {file.topics:,} topics"
    return tag("div", markup.table(caption, ["topic", "dialogues"], rows, "words"))
