"""One run, one page: `report.html`, a file that needs no other file and asks no host for anything."""

from pathlib import Path

from ..runs.read import Run, read_run
from . import sections, summary
from .breakdown import breakdown
from .dialogue_scores import dialogue_scores
from .examples import examples
from .faults import faults_section
from .markup import join
from .page import document, write_page
from .plan_section import plan_section


def write_report(run_dir: Path) -> Path:
    """Write `report.html` into a run's folder, whole or not at all, and return its path.

    Args:
        run_dir: Folder with `run.json` and, where the run came that far, `metrics.jsonl` and `predictions.jsonl`.

    Raises:
        YoyakError: An input file is missing, unreadable or broken, or the page cannot be written.
    """
    page = render_page(read_run(run_dir))
    path = run_dir / "report.html"
    write_page(path, page)
    return path


def render_page(run: Run) -> str:
    """Return the whole page of a run as HTML."""
    record, scored = run.record, dialogue_scores(run)
    parts = [
        ("scores", "Scores", summary.scores(record)),
        ("breakdown", "Scores by group", breakdown(scored)),
        ("curves", "Training", join(sections.curves(run.metrics), faults_section(record.faults))),
        ("plan", "Plan", plan_section(record)),
        ("settings", "Settings", sections.settings(record)),
        ("data", "Data", sections.data(record)),
        ("examples", "Examples", examples(run.predictions, scored)),
        ("environment", "Environment", sections.environment(record)),
    ]
    title = f"{record.name or 'Unnamed run'} · yoyak run"
    return document(title, summary.heading(record), summary.tiles(run), parts, _footer(run))


def _footer(run: Run) -> list[str]:
    lines = [f"Written by yoyak {run.record.yoyak}." if run.record.yoyak else "Written by yoyak."]
    lines += [f"The last line of {name} broke off and is left out." for name in run.unfinished_lines]
    return lines
