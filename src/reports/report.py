"""One run, one page: `report.html`, a file that needs no other file and asks no host for anything."""

import os
from pathlib import Path

from ..errors import YoyakError
from . import sections, summary
from .markup import Html, join, tag
from .run_record import Run, read_run

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = Path(__file__).with_name("report.css")


def write_report(run_dir: Path) -> Path:
    """Write `report.html` into a run's folder, whole or not at all, and return its path.

    Args:
        run_dir: Folder with `run.json` and, where the run came that far, `metrics.jsonl` and `predictions.jsonl`.

    Raises:
        YoyakError: An input file is missing, unreadable or broken, or the page cannot be written.
    """
    page = render_page(read_run(run_dir))
    path = run_dir / "report.html"
    unfinished = run_dir / f".report.html.{os.getpid()}"
    try:
        unfinished.write_bytes(page.encode("utf-8"))
        os.replace(unfinished, path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise YoyakError(f"{path}: cannot be written: {error.strerror}; free the place and run again") from error
    return path


def render_page(run: Run) -> str:
    """Return the whole page of a run as HTML."""
    record = run.record
    named = [
        ("scores", "Scores", summary.scores(record)),
        ("curves", "Training", sections.curves(run.metrics)),
        ("settings", "Settings", sections.settings(record)),
        ("data", "Data", sections.data(record)),
        ("examples", "Examples", sections.examples(run.predictions)),
        ("environment", "Environment", sections.environment(record)),
    ]
    parts = [(part_id, title, body) for part_id, title, body in named if body]
    body = tag(
        "body",
        summary.heading(record),
        _contents([(part_id, title) for part_id, title, _ in parts]),
        tag("main", summary.tiles(run), *(_section(*part) for part in parts)),
        tag("footer", *(tag("p", line) for line in _footer(run))),
    )
    return f"<!doctype html>\n{tag('html', _head(record.name or 'Unnamed run'), body, lang='en')}\n"


def _head(name: str) -> Html:
    return join(
        Html('<head><meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'),
        tag("title", f"{name} · yoyak run"),
        Html(f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style></head>\n"),
    )


def _contents(parts: list[tuple[str, str]]) -> Html:
    if len(parts) < 2:
        return Html("")
    links = [tag("li", tag("a", title, href=f"#{part_id}")) for part_id, title in parts]
    return tag("nav", tag("ul", *links), aria_label="Sections")


def _section(part_id: str, title: str, body: Html) -> Html:
    heading_id = f"{part_id}-heading"
    return join(
        Html("\n"),
        tag("section", tag("h2", title, id=heading_id), body, id=part_id, aria_labelledby=heading_id, class_="part"),
    )


def _footer(run: Run) -> list[str]:
    lines = [f"Written by yoyak {run.record.yoyak}." if run.record.yoyak else "Written by yoyak."]
    lines += [f"The last line of {name} broke off and is left out." for name in run.unfinished_lines]
    return lines
