"""One run, one page: `report.html`, a file that needs no other file and asks no host for anything."""

from pathlib import Path

from ..bilingual import Text, joined, particle
from ..runs.read import Run, read_run
from . import score_table, sections, summary
from .breakdown import breakdown
from .dialogue_scores import dialogue_scores
from .examples import examples
from .faults import faults_section
from .markup import join
from .page import document, write_page
from .plan_section import plan_section
from .refining import refining_section


def write_report(run_dir: Path) -> Path:
    """Write `report.html` into a run's folder, whole or not at all, and return its path.

    The folder holds `run.json` and, where the run came that far, `metrics.jsonl` and `predictions.jsonl`.

    Raises:
        YoyakError: An input file is missing, unreadable or broken, or the page cannot be written.
    """
    path = run_dir / "report.html"
    write_page(path, render_report(read_run(run_dir)))
    return path


def render_report(run: Run) -> str:
    """Return the whole page of a run as HTML."""
    record, scored = run.record, dialogue_scores(run)
    parts = [
        ("scores", Text("Scores", "점수"), score_table.scores(record)),
        ("breakdown", Text("Scores by group", "그룹별 점수"), breakdown(scored)),
        ("refining", Text("Refining", "보상 학습"), refining_section(record, run.metrics)),
        ("curves", Text("Training", "학습"), join(sections.curves(run.metrics), faults_section(record.faults))),
        ("plan", Text("Plan", "예측"), plan_section(record)),
        ("settings", Text("Settings", "설정"), sections.settings(record)),
        ("data", Text("Data", "데이터"), sections.data(record)),
        ("examples", Text("Examples", "예시"), examples(run.predictions, scored)),
        ("environment", Text("Environment", "환경"), sections.environment(record)),
    ]
    title = joined([record.name or summary.UNNAMED, " · ", Text("yoyak run", "yoyak 실행")], "")
    return document(title, summary.heading(record), summary.tiles(run), parts, _footer(run))


def _footer(run: Run) -> list[Text]:
    version = run.record.yoyak
    by = f"yoyak {version}{particle(version, '이', '가')}" if version else "yoyak이"
    lines = [Text(f"Written by yoyak {version}." if version else "Written by yoyak.", f"{by} 작성했습니다.")]
    lines += [
        Text(f"The last line of {name} broke off and is left out.", f"{name}의 마지막 줄은 끊겨 있어 뺐습니다.")
        for name in run.unfinished_lines
    ]
    return lines
