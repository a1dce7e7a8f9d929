"""Walks through the studio in Chromium: at random, and a newcomer's from an empty folder to a GGUF."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from src.tests.chromium import needs_chromium
from src.tests.tiny_models import write_tiny_model

pytestmark = needs_chromium


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_random_walks_break_no_page() -> None:
    """Clicks, texts and keys on whatever is there: no fault of the server, no error of a page (WALKS=2000 for all)."""
    walks = os.environ.get("WALKS", "20")
    command = [sys.executable, "benchmarks/studio_walks.py", "--walks", walks]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    found = json.loads(done.stdout)
    assert (found["walks"], found["clicks"]) == (int(walks), 8 * int(walks))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_newcomers_walk_from_an_empty_folder_to_a_gguf(browser, running_studio, folder: Path) -> None:
    """Bring a CSV, plan, train, judge, take away."""
    write_tiny_model(folder / "tiny")
    rows = [f'{n},"A: Shall we go at {n}?\nB: Yes, at {n} from the station.",They go at {n}.' for n in range(2, 60)]
    (folder / "mine.csv").write_text("\n".join(["id,text,summary", *rows]) + "\n")
    page = browser.new_page(locale="en-US")
    page.goto(running_studio())
    assert "There is no run yet." in page.inner_text("main")
    page.click("nav >> text=Data")
    page.set_input_files("#file", folder / "mine.csv")
    page.wait_for_url("**/data/mine.csv")
    assert page.inner_text(".tiles .figure >> nth=0") == "58"
    assert page.input_value("#dialogue_column") == "text"
    page.click("button:has-text('Split')")
    page.wait_for_selector(".status.completed", timeout=120_000)
    page.click("text=To the data")
    page.click("text=mine.csv >> nth=0")
    page.click("text=Train on it")
    page.wait_for_selector("#command")
    assert "mine_split/train.csv" in page.input_value("[id='data.train']")
    page.fill("[id='experiment.name']", "walk")
    page.fill("[id='model.checkpoint']", str(folder / "tiny"))
    for setting, value in {
        "training.max_steps": "30",
        "tokenizer.encoder_max_len": "256",
        "tokenizer.decoder_max_len": "16",
    }.items():
        page.fill(f"[id='{setting}']", value)
    page.select_option("[id='model.chat_template']", "auto")
    page.fill("[id='training.logging_steps']", "1")
    page.select_option("#gpu", "T4")
    page.wait_for_selector(".verdict.fits")
    page.click("#plan button.main")
    page.wait_for_url("**/runs/walk")
    page.wait_for_selector(".uplot", timeout=180_000)
    page.wait_for_selector(".status.completed", timeout=300_000)
    page.wait_for_selector("#scores", timeout=60_000)
    page.click("a:has-text('Summaries')")
    page.wait_for_selector("article")
    assert "After training" in page.inner_text("article >> nth=0")
    page.go_back()
    page.click("a:has-text('Take away')")
    page.click("button:has-text('Export')")
    page.wait_for_selector(".status.completed", timeout=180_000)
    (gguf,) = (folder / "outputs" / "walk").rglob("*.gguf")
    assert gguf.read_bytes()[:4] == b"GGUF"
    assert re.search(r"\.gguf", page.inner_text("pre"))
    page.close()
