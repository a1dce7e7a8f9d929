"""What a page that draws parts of itself anew keeps for its reader, and what it says where nothing answers."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from src.tests.chromium import needs_chromium
from src.tests.web.studio_process import until
from src.web.place import Place
from src.web.processes import write_start
from src.web.waiting import WaitingRuns

pytestmark = needs_chromium
FOCUS = "document.activeElement.id || document.activeElement.innerText"


def shows(page: Any, selector: str, text: str) -> None:
    page.locator(selector, has_text=text).first.wait_for(timeout=60_000)


@pytest.fixture
def page(browser: Any, studio_here: str) -> Iterator[Any]:
    """A page of a studio; errors of its scripts fail the test."""
    context = browser.new_context(locale="en-US", viewport={"width": 390, "height": 800})
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(studio_here)
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def job(place: Place) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """A job that works until it is told to end, and the file of its output."""
    words = ["data", "split", "mine.csv"]
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()", *words])
    output = place.own / "started" / "20300101-000000-00000000" / "output.log"
    output.parent.mkdir(parents=True)
    output.write_text("".join(f"line {number}\n" for number in range(99)))
    write_start(place, output.parent.name, "split", "mine.csv", words, process.pid)
    yield output, process
    process.kill()
    process.wait(10)


def test_a_job_is_followed_read_and_stopped_by_keyboard(page, job) -> None:
    """Its page asks anew every 0.7 s: the focus stays where it is, and so does a log that was scrolled back."""
    output, process = job
    page.goto(f"{page.url}jobs/{output.parent.name}")
    log = "document.querySelector('pre.log')"
    assert page.evaluate(f"{log}.scrollTop + {log}.clientHeight - {log}.scrollHeight") > -3  # its end
    page.focus("button:has-text('Stop')")
    page.evaluate(f"{log}.scrollTop = 40")
    with output.open("a") as file:
        file.write("one more line\n")
    shows(page, "pre.log", "one more line")
    assert page.evaluate(f"{log}.scrollTop") == 40
    assert page.evaluate(FOCUS) == "Stop"
    page.keyboard.press("Enter")
    shows(page, ".status", "It has ended")
    assert process.wait(10) == -signal.SIGTERM
    assert page.evaluate(FOCUS) == "job"


def test_a_question_stays_open_when_the_run_is_drawn_anew(page, write_studio_run) -> None:
    record = write_studio_run("one", status="interrupted", ended=None) / "run.json"
    page.goto(f"{page.url}runs/one")
    page.wait_for_selector(".uplot")
    page.click("summary:has-text('Delete')")
    page.focus("text=Delete this run")
    record.write_text(record.read_text().replace('"interrupted"', '"completed"'))
    shows(page, ".status", "completed")
    assert page.is_visible("text=Delete this run")
    assert page.evaluate(FOCUS) == "Delete this run"


def test_the_first_value_of_a_curve_is_seen(page, write_studio_run) -> None:
    """One value is no line: it is drawn as a point, until there is a line."""
    run = write_studio_run("one", [{"step": 2, "loss": 2.5}], status="interrupted", ended=None)
    page.goto(f"{page.url}runs/one")
    page.wait_for_selector("figure.wide .uplot")
    drawn = """() => {
      const canvas = document.querySelector("figure.wide canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let green = 0;
      for (let at = 0; at < data.length; at += 4) green += data[at + 3] > 200 && data[at + 1] - data[at] > 60;
      return green;
    }"""
    until(lambda: page.evaluate(drawn) > 8)
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "loss": 2.0}\n')
    until(lambda: page.evaluate(drawn) > 200)


@pytest.mark.long  # it is asked for every ten seconds
def test_the_list_of_runs_is_drawn_anew(page, write_studio_run) -> None:
    """Who leaves the first page open sees what becomes of the runs; a list that was moved aside stays so."""
    record = write_studio_run("one", status="interrupted", ended=None) / "run.json"
    page.reload()
    shows(page, ".state", "interrupted")
    page.evaluate("document.querySelector('.scroll').scrollLeft = 50")
    record.write_text(record.read_text().replace('"interrupted"', '"completed"'))
    shows(page, ".state", "completed")
    assert page.evaluate("document.querySelector('.scroll').scrollLeft") == 50


@pytest.mark.long
def test_a_studio_that_does_not_answer_is_said_to(page) -> None:
    """By a page that asks by itself, and by one that is asked."""
    base = page.url.rstrip("/")
    page.goto(f"{base}/queue")
    page.context.set_offline(True)
    shows(page, "#away", "The studio does not answer")
    page.context.set_offline(False)
    page.locator("#away").wait_for(state="hidden", timeout=60_000)
    page.goto(f"{base}/new")
    page.wait_for_selector("#command")
    page.context.set_offline(True)
    page.fill("[id='training.epochs']", "5")
    shows(page, "#away", "The studio does not answer")
    page.context.set_offline(False)
    page.fill("[id='training.epochs']", "7")
    shows(page, "#command", "training.epochs=7")
    assert page.is_hidden("#away")


def test_a_click_that_comes_too_late_leaves_the_queue(page, place) -> None:
    """The run that it is about has just begun: that is said, and the list goes on."""
    waiting = WaitingRuns(place)
    for name in ("late", "later"):  # without a data file they wait as long as the test takes
        waiting.add(name, ["train", "-e", "quickstart", f"experiment.name={name}", "data.train=gone.csv"], "Min")
    page.goto(f"{page.url}queue")
    (first, second) = (one.key for one in waiting.all())
    page.route(f"**/queue/{first}/out", lambda route: (waiting.take_out(first), route.continue_()))
    page.click(f"#out-{first}")
    shows(page, "#queue > .refusal", "no longer waits")
    page.locator(f"#out-{first}").wait_for(state="detached", timeout=60_000)
    assert page.is_visible(f"#out-{second}")


def test_copying_where_the_clipboard_is_kept_from_pages(page) -> None:
    """Over the network without TLS a page has no `navigator.clipboard`."""
    page.add_init_script("delete Navigator.prototype.clipboard")
    page.goto(f"{page.url}new")
    page.click("[data-copy='#command']")
    shows(page, "[data-copy='#command']", "Copied")
    page.focus("[id='experiment.name']")
    page.keyboard.press("Control+A")
    page.keyboard.press("Control+V")
    assert page.input_value("[id='experiment.name']") == "yoyak train --experiment quickstart"


def test_a_file_that_was_refused_can_be_chosen_again(page) -> None:
    page.goto(f"{page.url}data")
    page.set_input_files("#file", {"name": "a.exe", "mimeType": "text/csv", "buffer": b"MZ"})
    shows(page, "#drop-said", "Bring one of these")
    assert page.input_value("#file") == ""  # or a choice of the same name changes nothing, and nothing is sent
    page.evaluate("""() => {
      const files = new DataTransfer();
      for (const name of ["a.csv", "b.csv"]) files.items.add(new File(["x"], name));
      document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true }));
    }""")
    shows(page, "#drop-said", "one file at a time")


def test_a_key_that_is_held_down_votes_once(page, voted_on) -> None:
    page.goto(f"{page.url}vote?a=one&b=two")
    page.keyboard.down("1")
    shows(page, ".progress", "1 of 6")
    page.keyboard.down("1")  # as the keyboard repeats it
    page.reload()
    shows(page, ".progress", "1 of 6")


@pytest.fixture
def served(place: Place, finished: Path) -> Iterator[None]:
    """A stand-in of `yoyak serve` with the trained model, that a studio has begun."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["serve", "--adapter", str(finished / "final_model"), "--port", f"{port}", "--truncate"]
    command = [sys.executable, "-m", "src.tests.web.stand_in", ".", "--for-ever", *words]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])})
    write_start(place, "20300101-000000-00000000", "serve-tuned", "one", words, process.pid)
    until(lambda: _answers(port))
    yield
    process.kill()
    process.wait(10)


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_two_questions_come_to_one_answer(page, served) -> None:
    """The second of two clicks asks anew."""
    page.goto(f"{page.url}runs/one/try")
    page.locator("[data-state=ready]").wait_for(timeout=60_000)
    page.click("#ask button")
    shows(page, "#answer-tuned", "They")
    page.click("#ask button")
    shows(page, "#figures-tuned", "6 tokens")
    assert page.inner_text("#answer-tuned") == "They <b>meet</b> at five."


def test_a_question_without_a_model_that_is_ready_says_so(page, finished) -> None:
    page.goto(f"{page.url}runs/one/try")
    page.click("#ask button")
    shows(page, "#none-ready", "No model is ready yet")
