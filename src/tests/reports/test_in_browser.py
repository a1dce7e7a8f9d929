"""The pages in Chromium: no finding of axe-core, no sideways scrolling on a phone, both languages."""

import copy
from pathlib import Path

import pytest

from src.data.files.sources import DialogueRow, DialogueTable
from src.data.tools.stats import describe_files, measure_rows
from src.reports.compare_page import render_comparison
from src.reports.comparison import compare_runs
from src.reports.data_page import render_data_page
from src.reports.report import write_report
from src.tests.chromium import needs_chromium
from src.tests.reports.conftest import RUN, WriteRun
from src.tests.reports.test_refining import LINES, REFINED

pytestmark = needs_chromium


@pytest.fixture(params=["report", "refined", "comparison", "data"])
def page_file(request, write_run: WriteRun, make_run, tmp_path: Path) -> Path:
    if request.param == "report":
        return write_report(write_run(run=RUN))
    if request.param == "refined":
        return write_report(write_run(run=REFINED, metrics=LINES))
    path = tmp_path / "page.html"
    if request.param == "data":
        rows = [DialogueRow("1", "A: hi\nB: yes", "s", "tea"), DialogueRow("2", "A: hi\nB: yes", "s")]
        measures = [measure_rows(rows, None)]
        stats = describe_files([DialogueTable("a.csv", "utf-8", rows=rows)], measures, None, "word", 0.7)
        path.write_text(render_data_page(stats, measures))
        return path
    path.write_text(render_comparison(compare_runs([make_run("one"), make_run("two", learning_rate=0.2)])))
    return path


@pytest.mark.parametrize("width", [360, 1200])
def test_page(browser, page_file: Path, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    page = browser.new_page(viewport={"width": width, "height": 800}, locale="en-US")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    found = axe.Axe().run(page).response["violations"]
    assert [(item["id"], item["impact"], item["nodes"][0]["html"]) for item in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    english = page.inner_text("body")
    assert page.inner_text("h2 >> nth=0") in ("Scores", "Files")
    page.click("[data-language=ko]")
    assert page.inner_text("h2 >> nth=0") in ("점수", "파일")
    assert page.evaluate("document.documentElement.lang") == "ko"
    assert all("이하" in text for text in page.locator(".bar > title").all_text_contents())
    assert page.get_attribute("nav", "aria-label") == "목차"
    page.click("[data-language=en]")
    assert page.inner_text("body") == english
    page.close()


@pytest.mark.parametrize("locale", ["en-US", "ko-KR"])
def test_no_figure_is_broken_on_a_phone(browser, write_run: WriteRun, locale: str) -> None:
    """Six columns of scores: the table scrolls by itself, the page doesn't, and `34.18` stays in one line."""
    run = copy.deepcopy(RUN)
    for scores in run["scores"].values():
        for key in ("rouge1", "rouge2", "rougeL", "rouge_sum"):
            ends = {"_low": 38.25, "_high": 63.43, "_floor": 20.87, "_floor_low": 17.56, "_floor_high": 24.43}
            scores |= {f"{key}{end}": value for end, value in ends.items()} | {f"{key}_lead3": 66.02}
    page = browser.new_page(viewport={"width": 360, "height": 800}, locale=locale)
    page.goto(write_report(write_run(run=run)).as_uri())
    page.click(f"[data-language={locale[:2]}]")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    figures = page.evaluate("""() => [...document.querySelectorAll(".scores td")].map((cell) => {
      const range = document.createRange();
      range.selectNode(cell.firstChild);
      return [cell.firstChild.textContent, range.getClientRects().length];
    })""")
    assert ["66.02", 1] in figures
    assert [figure for figure, lines in figures if lines > 1] == []
    page.close()
