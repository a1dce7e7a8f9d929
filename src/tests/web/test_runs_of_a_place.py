"""Runs as pages show them, and what pages do to them."""

import contextlib
import json
import os
import re
import shutil
import signal
import sys
import time
from html import unescape

import pytest

from src.errors import YoyakError
from src.runs.holder import lock_holder
from src.runs.lock import lock_path, run_lock
from src.tests.lock_holder import holder
from src.tests.web.begun_command import begun
from src.web.paging import page_there
from src.web.place import PageError
from src.web.processes import Processes
from src.web.run_actions import resume_words
from src.web.run_list import run_line, run_lines, spark_of


def test_runs_are_listed_the_newest_first(visitor, place, write_studio_run):
    for age, name in enumerate(["new", "middle", "old"]):
        run = write_studio_run(name)
        os.utime(run / "run.json", ns=(0, 10**18 - age * 10**9))
    (place.runs / "other").mkdir()
    lines, total = run_lines(place)
    assert ([line.name for line in lines], total) == (["new", "middle", "old"], 3)
    assert (lines[0].before, lines[0].after, lines[0].state) == (53.2, 85.64, "completed")
    page = visitor.get("/").text
    assert page.index("/runs/new") < page.index("/runs/middle") < page.index("/runs/old")
    assert "53.2" in page
    assert "85.6" in page
    assert "<polyline" in page


def test_a_broken_record_is_a_line_too(visitor, place, write_studio_run):
    run = write_studio_run("broken")
    (run / "run.json").write_text("{")
    assert run_line(run).state == "unknown"
    assert visitor.get("/").status_code == 200
    assert visitor.get("/runs/broken").status_code == 200
    assert visitor.get("/runs/broken/content").status_code == 422


def test_a_thumbnail_lies_in_its_box():
    assert spark_of([(1, 3.0), (2, 1.0), (3, 2.0)]) == "2.0,2.0 60.0,26.0 118.0,14.0"
    assert spark_of([(1, 3.0), (2, 3.0)]) == "2.0,14.0 118.0,14.0"
    assert spark_of([(1, 3.0)]) == ""


def test_a_run_that_no_process_works_on_was_lost(write_studio_run):
    run = write_studio_run("one", status="running", ended=None)
    assert run_line(run).state == "lost"
    with run_lock(run):
        assert run_line(run).state == "running"
        assert lock_holder(run).pid == os.getpid()
    assert run_line(run).state == "lost"
    lock_path(run).write_text('{"pid": 1, "host": "' + os.uname().nodename + '"}')  # of a machine that went down
    assert run_line(run).state == "lost"
    lock_path(run).write_text("no json")
    assert lock_holder(run) is None


def test_a_run_of_another_machine_is_known_by_its_files_age(write_studio_run):
    run = write_studio_run("one", status="running")
    lock_path(run).write_text('{"pid": 7, "host": "elsewhere"}')
    assert lock_holder(run).here is False
    os.utime(lock_path(run), (time.time() - 400, time.time() - 400))
    assert lock_holder(run) is None


def test_a_run_is_stopped_by_sigterm(visitor, write_studio_run):
    run = write_studio_run("one", status="running")
    assert visitor.post("/runs/one/stop", data={"a": ""}).status_code == 409
    with holder(run) as process:
        answer = visitor.post("/runs/one/stop", data={"a": ""})
        assert answer.status_code == 200
        assert "it saves its state and ends" in answer.text
        assert process.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            "yoyak train --experiment quickstart lora.r=8",
            ["train", "--experiment", "quickstart", "lora.r=8", "--resume"],
        ),
        ("yoyak quickstart --korean", ["train", "--experiment", "quickstart_ko", "--resume"]),
        ("cli.py train -e x --overwrite --force", ["train", "--experiment", "x", "--force", "--resume"]),
        ("yoyak refine one refine.kl=0.1", ["refine", "one", "refine.kl=0.1", "--resume"]),
    ],
)
def test_a_run_goes_on_by_the_command_that_began_it(write_studio_run, command, words):
    assert resume_words(write_studio_run("one", command=command)) == words


def test_a_korean_quickstart_goes_on_with_its_model(write_studio_run):
    """Gemma may have come since a run began, or gone."""
    for checkpoint, experiment in (
        ("bundled:gemma3-270m", "quickstart_ko_gemma"),
        ("bundled:smollm2-135m", "quickstart_ko"),
    ):
        run = write_studio_run(experiment, command="yoyak quickstart --korean lora.r=8")
        record = json.loads((run / "run.json").read_text())
        record["config"] = {"model": {"checkpoint": checkpoint}}
        (run / "run.json").write_text(json.dumps(record))
        assert resume_words(run) == ["train", "--experiment", experiment, "lora.r=8", "--resume"]


@pytest.mark.parametrize("command", ["", "yoyak", "yoyak export --to hub", "rm -rf /", "yoyak train --output /etc"])
def test_another_command_is_not_started(write_studio_run, command):
    with pytest.raises(YoyakError, match="use the command line"):
        resume_words(write_studio_run("one", command=command))


def test_a_run_goes_into_the_bin_and_comes_back(visitor, place, write_studio_run):
    run = write_studio_run("one")
    with run_lock(run):
        assert visitor.post("/runs/one/delete", data={"a": ""}).status_code == 409
    assert visitor.post("/runs/one/delete", data={"a": ""}).headers["hx-redirect"] == "/"
    assert not run.exists()
    (binned,) = (place.own / "bin").iterdir()
    assert binned.name in visitor.get("/settings").text
    answer = visitor.post("/bin/restore", data={"run": binned.name})
    assert answer.headers["location"] == "/runs/one"
    assert (run / "run.json").is_file()
    assert visitor.post("/bin/restore", data={"run": binned.name}).status_code == 404
    visitor.post("/runs/one/delete", data={"a": ""})
    assert visitor.post("/bin/empty", data={"a": ""}).status_code == 303
    assert list((place.own / "bin").iterdir()) == []


def test_a_deleted_run_leaves_nothing_under_its_name(visitor, place, write_studio_run, monkeypatch):
    """What was started for it is not the next one's: no output, no exports, and no run that "ended before it began"."""
    program = "print('no room'); raise SystemExit(2)"
    monkeypatch.setattr("src.web.processes.program", lambda: [sys.executable, "-c", program])
    processes = Processes(place)
    starts = [processes.start(kind, "one", ["x"]) for kind in ("train", "export")]
    until(lambda: not any(map(processes.is_running, starts)))
    for _ in range(2):
        (write_studio_run("one", status="failed") / "final_model").mkdir()
        known = [text in visitor.get(f"/runs/one{page}").text for page, text in (("", "no room"), ("/export", "jobs/"))]
        assert known == [not (place.own / "bin").exists()] * 2
        visitor.post("/runs/one/delete", data={"a": ""})
        assert visitor.get("/runs/one").status_code == 404
    (first, *_) = sorted((place.own / "bin").iterdir())
    visitor.post("/bin/restore", data={"run": first.name})
    assert "no room" in visitor.get("/runs/one").text


def test_a_page_behind_the_last_is_the_last(visitor, write_studio_run, brought_file):
    for name in ("one", "two"):
        write_studio_run(name)
    assert [page_there(page, 41, 20) for page in (0, 2, 3, 10**6)] == [0, 2, 2, 2]
    assert page_there(5, 0, 20) == 0
    assert 'href="/runs/two"' in visitor.get("/?page=9").text
    for path in ("/runs/one/summaries", f"/data/{brought_file}"):
        assert visitor.get(f"{path}?page=999").text.count("<article") == visitor.get(path).text.count("<article") > 0


@pytest.mark.parametrize("name", ["", "..", ".studio", "a/b", "a\\b", "a\0b", "x" * 300, "a\u202eb"])
def test_a_name_leads_nowhere_else(place, name):
    with pytest.raises(PageError):
        place.named(place.runs, name)


def test_what_a_process_prints_is_kept(place, monkeypatch):
    monkeypatch.setattr("src.web.processes.program", lambda: [sys.executable, "-c"])
    processes = Processes(place)
    started = processes.start("train", "one", ["print('a\\rb\\nc')"])
    until(lambda: not processes.is_running(started))
    assert (processes.output(started), processes.exit_code(started)) == ("b\nc", 0)
    assert Processes(place).find(started.key) == started
    assert Processes(place).latest("one", "train") == started
    assert Processes(place).latest("one", "export") is None


def test_another_studio_knows_the_process_of_one_that_died(place, monkeypatch):
    monkeypatch.setattr("src.web.processes.program", lambda: [sys.executable, "-c"])
    first, second = Processes(place), Processes(place)
    started = first.start("train", "one", ["import time; time.sleep(60)"])
    try:
        until(lambda: second.is_running(started))
        second.stop(started)
        until(lambda: not first.is_running(started))
        assert not second.is_running(started)
        assert first.exit_code(started) == -signal.SIGTERM
        assert second.exit_code(started) is None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(started.pid, signal.SIGKILL)


def test_a_process_has_a_session_of_its_own(place, monkeypatch):
    monkeypatch.setattr("src.web.processes.program", lambda: [sys.executable, "-c"])
    processes = Processes(place)
    started = processes.start("train", "one", ["import os; print(os.getsid(0) == os.getpid())"])
    until(lambda: not processes.is_running(started))
    assert processes.output(started) == "True"


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.02)


def test_a_command_that_ends_before_its_run_says_so(visitor, monkeypatch):
    monkeypatch.setattr(
        "src.web.processes.program", lambda: [sys.executable, "-c", "print('no room'); raise SystemExit(2)"]
    )
    answer = visitor.post("/runs", data={"experiment": "quickstart", "experiment.name": "mine"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/mine")
    until(lambda: "The command ended before the run began." in visitor.get("/runs/mine").text)
    assert "no room" in visitor.get("/runs/mine").text


def test_a_command_that_is_refused_says_why_in_the_language_of_the_page_and_keeps_its_settings(visitor, monkeypatch):
    prints = "import sys; print('yoyak: a.csv: the file is empty'); sys.exit(2)"
    monkeypatch.setattr("src.web.processes.program", lambda: [sys.executable, "-c", prints])
    fields = {"experiment": "smollm2_135m", "experiment.name": "mine", "training.epochs": "7", "data.train": "a&b=.csv"}
    fields |= {"data.eval": "sample:en/dev.csv"}
    monkeypatch.setattr("src.web.new_page.refuse_missing_files", lambda config: None)
    visitor.post("/runs", data=fields)
    korean = {"accept-language": "ko"}
    until(lambda: "a.csv: 파일이 비어 있습니다" in visitor.get("/runs/mine", headers=korean).text)
    (link,) = re.findall(r'class="button" href="(/new[^"]*)"', visitor.get("/runs/mine").text)
    form = unescape(visitor.get(unescape(link)).text)
    for name, value in fields.items():
        if name != "experiment":
            assert re.search(rf'name="{name}"[^>]*value="{re.escape(value)}"', form), name
    assert re.search("<option[^>]*selected[^>]*>smollm2_135m<", form)


def test_an_open_page_of_a_run_whose_data_is_refused_leads_to_what_was_said(visitor, write_studio_run, monkeypatch):
    """The run had a record for a moment, in which its page was opened, and left nothing."""
    monkeypatch.setattr(
        "src.web.processes.program", lambda: [sys.executable, "-c", "print('no column'); raise SystemExit(2)"]
    )
    visitor.post("/runs", data={"experiment": "quickstart", "experiment.name": "mine"})
    folder = write_studio_run("mine")
    for part in ("head", "content"):
        assert "HX-Refresh" not in visitor.get(f"/runs/mine/{part}").headers
    shutil.rmtree(folder)
    for part in ("head", "content"):
        answer = visitor.get(f"/runs/mine/{part}")
        assert (answer.status_code, answer.headers["HX-Refresh"]) == (200, "true")
        assert visitor.get(f"/runs/other/{part}").status_code == 404
    until(lambda: "no column" in visitor.get("/runs/mine").text)


def test_a_run_that_begins_is_on_the_first_page_and_can_be_stopped(visitor, place):
    """It has no record yet: the page neither says that there is no run nor offers to start the first."""
    words = ["train", "--experiment", "quickstart", "experiment.name=new"]
    with begun(place, "train", "new", words) as process:
        page = visitor.get("/").text
        assert 'Beginning: <a href="/runs/new"' in page
        assert "There is no run yet" not in page
        assert 'hx-post="/runs/new/begins/stop"' in visitor.get("/runs/new").text
        assert visitor.post("/runs/new/begins/stop", data={"a": ""}).status_code == 200
        assert process.wait(10) == -signal.SIGTERM
