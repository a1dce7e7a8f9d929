"""The pages in Chromium: no finding of axe-core, no sideways scrolling on a phone, both languages."""

from pathlib import Path

import pytest

from src.reports.compare_page import render_comparison
from src.reports.comparison import compare_runs
from src.reports.report import write_report
from src.tests.chromium import needs_chromium
from src.tests.reports.conftest import RUN, WriteRun

pytestmark = needs_chromium


@pytest.fixture(params=["report", "comparison"])
def page_file(request, write_run: WriteRun, make_run, tmp_path: Path) -> Path:
    if request.param == "report":
        return write_report(write_run(run=RUN))
    path = tmp_path / "compare.html"
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
    assert page.inner_text("#scores-heading") == "Scores"
    page.click("[data-language=ko]")
    assert page.inner_text("#scores-heading") == "점수"
    assert page.evaluate("document.documentElement.lang") == "ko"
    page.click("[data-language=en]")
    assert page.inner_text("#scores-heading") == "Scores"
    page.close()
