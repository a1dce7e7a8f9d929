"""What a page shows in Chromium when the studio, the browser or the run is killed, or it is loaded again."""

import json
import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from src.tests.chromium import CHROMIUM, needs_chromium
from src.tests.tiny_models import write_tiny_model
from src.tests.web.studio_process import client_of, pid_of, until

pytestmark = needs_chromium
CURVE = "figure.wide output"


def log_step(run: Path, step: int, loss: float) -> None:
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": step, "loss": loss}) + "\n")


def shows(page, selector: str, text: str) -> None:
    page.locator(selector, has_text=text).first.wait_for(timeout=60_000)


@pytest.fixture
def page(browser):
    context = browser.new_context(locale="en-US")
    yield context.new_page()
    context.close()


@pytest.mark.long
def test_a_page_goes_on_when_the_studio_was_killed_and_came_back(page, running_studio, write_studio_run):
    """The stream of a run's page finds the next studio, without a click."""
    run = write_studio_run("one", status="interrupted", ended=None)
    address = running_studio()
    base = address.partition("/?")[0]
    page.goto(address)
    page.goto(f"{base}/runs/one")
    page.wait_for_selector(".uplot")
    os.kill(pid_of(base), signal.SIGKILL)
    log_step(run, 50, 1.25)
    running_studio("--port", base.rpartition(":")[2])
    shows(page, CURVE, "1.25")
    log_step(run, 60, 0.75)
    shows(page, CURVE, "0.75")


def test_a_page_that_is_loaded_again_in_the_middle_has_the_same_curve(page, running_studio, write_studio_run):
    run = write_studio_run("one", status="interrupted", ended=None)
    address = running_studio()
    page.goto(address)
    page.goto(f"{address.partition('/?')[0]}/runs/one")
    log_step(run, 50, 1.25)
    shows(page, CURVE, "1.25")
    page.reload()
    shows(page, CURVE, "1.25")
    page.goto("about:blank")
    page.go_back()
    log_step(run, 60, 0.75)
    shows(page, CURVE, "0.75")


@pytest.mark.long
def test_two_tabs_show_the_same(page, running_studio, write_studio_run):
    run = write_studio_run("one", status="interrupted", ended=None)
    address = running_studio()
    page.goto(address)
    other = page.context.new_page()
    for tab in (page, other):
        tab.goto(f"{address.partition('/?')[0]}/runs/one")
        tab.wait_for_selector(".uplot")
    log_step(run, 50, 1.25)
    for tab in (page, other):
        shows(tab, CURVE, "1.25")
    page.click("summary:has-text('Delete')")
    page.click("text=Delete this run")
    page.wait_for_url("**/")
    shows(other, "#head", "There is no such run here.")


def test_a_browser_that_is_killed_takes_nothing_with_it(running_studio, write_studio_run, tmp_path):
    run = write_studio_run("one", status="interrupted", ended=None)
    address = running_studio()
    base = address.partition("/?")[0]
    studio = psutil.Process(pid_of(base))

    def open_streams() -> int:
        return sum(one.status == "ESTABLISHED" for one in studio.net_connections("tcp"))

    with client_of(address) as client:
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/chromium"]
        away = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
        there = f"{address.replace('/?', '/runs/one?')}"
        chromium = subprocess.Popen([*command, "--remote-debugging-port=0", there], **away)
        try:
            until(lambda: open_streams() >= 1, 30)
        finally:
            os.killpg(chromium.pid, signal.SIGKILL)
            chromium.wait(10)
        log_step(run, 50, 1.25)
        until(lambda: open_streams() == 0, 30)
        assert client.get("/runs/one").status_code == 200
    assert studio.status() != psutil.STATUS_ZOMBIE


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_training_that_is_killed_goes_on_by_a_click(page, running_studio, folder):
    """`kill -9` of a real run in the middle: its page says so, and `Go on` takes it to its end from its checkpoint."""
    write_tiny_model(folder / "tiny")
    address = running_studio()
    settings = {
        "experiment": "smollm2_135m", "experiment.name": "mine", "method": "lora", "model.checkpoint": f"{folder}/tiny",
        "model.chat_template": "auto", "data.train": "sample:en/train.csv", "data.eval": "sample:en/dev.csv",
        "data.max_train_examples": "64", "data.max_eval_examples": "8", "evaluation.generate": "false",
        "training.max_steps": "4000", "training.save_steps": "20", "training.logging_steps": "1",
        "tokenizer.encoder_max_len": "256",
    }  # fmt: skip
    with client_of(address) as client:
        answer = client.post("/runs", data=settings)
        assert (answer.status_code, answer.headers["location"]) == (303, "/runs/mine")
    run = folder / "outputs" / "mine"
    until(lambda: list((run / "checkpoints").glob("checkpoint-*")), 180)
    (start,) = (folder / "outputs" / ".studio" / "started").glob("*/start.json")
    os.kill(json.loads(start.read_text())["pid"], signal.SIGKILL)
    page.goto(address)
    page.goto(f"{address.partition('/?')[0]}/runs/mine")
    shows(page, ".notice", "No process works on this run any more")
    page.wait_for_selector(".uplot")
    page.click("button:has-text('Go on')")
    shows(page, ".notice", "Going on:")
    until(lambda: '"resumed"' in (run / "run.json").read_text(), 180)
    page.click("button:has-text('Stop')", timeout=120_000)
    shows(page, ".status.interrupted", "")
