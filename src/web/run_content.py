"""The content of a run's report, made from its files as they are now."""

import re
from pathlib import Path

from ..bilingual import Text
from ..reports.breakdown import breakdown
from ..reports.dialogue_scores import dialogue_scores
from ..reports.examples import examples
from ..reports.faults import faults_section
from ..reports.page import Part
from ..reports.plan_section import plan_section
from ..reports.refining import refining_section
from ..reports.report import render_report
from ..reports.score_table import scores
from ..reports.sections import data, environment, settings
from ..runs.read import read_run
from .worker import WORKER


async def report_content(folder: Path) -> list[Part]:
    """Return the sections of a run's report, but for its curves; YoyakError where a file is broken."""
    return await WORKER.call(_content, folder.absolute())


async def report_page(folder: Path) -> str:
    """Return a run's report as a page of its own; YoyakError where a file is broken."""
    return await WORKER.call(_page, folder.absolute())


def policy_of(page: str) -> str:
    """Return the policy that the page itself asks for, with which its one script runs."""
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    return found[1] if found else "default-src 'none'"


def _content(folder: Path) -> list[Part]:
    run = read_run(folder)
    scored = dialogue_scores(run)
    parts = [
        ("scores", Text("Scores", "점수"), scores(run.record)),
        ("breakdown", Text("Scores by group", "그룹별 점수"), breakdown(scored)),
        ("refining", Text("Refining", "보상 학습"), refining_section(run.record, run.metrics, False)),
        ("faults", Text("Faults", "문제"), faults_section(run.record.faults)),
        ("plan-figures", Text("Plan", "예측"), plan_section(run.record)),
        ("settings", Text("Settings", "설정"), settings(run.record)),
        ("data", Text("Data", "데이터"), data(run.record)),
        ("examples", Text("Examples", "예시"), examples(run.predictions, scored)),
        ("environment", Text("Environment", "환경"), environment(run.record)),
    ]
    return [part for part in parts if part[2]]


def _page(folder: Path) -> str:
    return render_report(read_run(folder))
