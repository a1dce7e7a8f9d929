"""The pages in Chromium: no finding of axe-core, no sideways scrolling on a phone, both languages."""

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
