"""The queue: in order, exactly once, whoever dies; and what its pages say."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from src.config.loader import load_config
from src.errors import YoyakError
from src.planner.devices import find_device
from src.runs.lock import run_lock
from src.tests.lock_holder import holder
from src.tests.web.test_runs_of_a_place import until
from src.web import planning, turns
from src.web.place import PageError
from src.web.studio import Studio
from src.web.turns import turn_of_wish
from src.web.under_way import runs_under_way
from src.web.waiting import WaitingRuns
from src.web.wishes import wish_of

ROOT = Path(__file__).parents[3]
# What stands for yoyak: it writes down its words and number, and works until a file says that it may end.
PROGRAM = """
import os, sys, time
open("ran", "a").write(f"{os.getpid()} {' '.join(sys.argv[1:])}\\n")
name = sys.argv[-1].rpartition("=")[2]
while not os.path.exists(f"end-{name}"):
    time.sleep(0.02)
raise SystemExit(3)
"""


@pytest.fixture
def studio(place, folder, monkeypatch):
    """A studio whose `yoyak` is a short program; what it has started is ended with the test."""
    (folder / "program.py").write_text(PROGRAM)
    monkeypatch.setattr("src.web.processes.program", lambda: [sys.executable, str(folder / "program.py")])
    made = Studio(place)
    yield made
    for started in made.processes.running("train", "search", "calibrate"):
        os.kill(started.pid, signal.SIGKILL)


def words(name: str) -> list[str]:
    return ["train", "--experiment", "quickstart", f"experiment.name={name}"]


def ran(folder: Path) -> list[str]:
    """Return the names of the runs in the order in which they began, a run that began twice twice."""
    found = folder / "ran"
    return [line.rpartition("=")[2] for line in found.read_text().splitlines()] if found.is_file() else []


def test_runs_wait_in_order_and_can_be_moved_and_taken_out(place):
    waiting = WaitingRuns(place)
    a, b, c = (waiting.add(name, words(name)) for name in "abc")
    names = lambda: [one.about for one in WaitingRuns(place).all()]  # noqa: E731
    assert names() == ["a", "b", "c"]
    waiting.move(c.key, -1)
    assert names() == ["a", "c", "b"]
    waiting.move(a.key, 1)
    assert names() == ["c", "a", "b"]
    waiting.move(c.key, -1)
    waiting.move(b.key, 1)
    assert names() == ["c", "a", "b"]
    assert waiting.take_out(a.key) == a
    assert names() == ["c", "b"]
    for change in (lambda: waiting.take_out(a.key), lambda: waiting.move(a.key, 1)):
        with pytest.raises(PageError, match="no longer waits"):
            change()
    with pytest.raises(YoyakError, match="a run of this name waits in the queue"):
        waiting.add("c", words("c"))
    assert b.line == "yoyak train --experiment quickstart experiment.name=b"


def test_a_run_waits_until_the_machine_is_measured(studio, folder):
    studio.waiting.add("a", words("a"))
    studio.processes.start("calibrate", "", ["plan", "--calibrate", "experiment.output_dir=there"])
    assert studio.keeper.look() is None
    (folder / "end-there").touch()
    until(lambda: studio.keeper.look() == "a")


def test_the_next_run_begins_when_the_one_before_has_ended_however(studio, folder):
    for name in "abc":
        studio.waiting.add(name, words(name))
    assert studio.keeper.look() == "a"
    assert studio.keeper.look() is None
    assert [one.about for one in studio.waiting.all()] == ["b", "c"]
    assert runs_under_way(studio.place, studio.processes) == ["a"]
    (folder / "end-a").touch()  # it fails, with exit code 3
    until(lambda: studio.keeper.look() == "b")
    (b,) = studio.processes.running("train")
    assert (b.about, b.command) == ("b", ["yoyak", *words("b")])
    until(lambda: ran(folder) == ["a", "b"])
    os.kill(b.pid, signal.SIGKILL)
    until(lambda: studio.keeper.look() == "c")
    until(lambda: ran(folder) == ["a", "b", "c"])
    assert studio.waiting.all() == []


def test_a_run_of_a_terminal_is_waited_for(studio, place, write_studio_run):
    studio.waiting.add("mine", words("mine"))
    run = write_studio_run("theirs", status="running")
    with holder(run):
        assert runs_under_way(place, studio.processes) == ["theirs"]
        assert studio.keeper.look() is None
    assert studio.keeper.look() == "mine"


@pytest.mark.parametrize("held", ["trial_0001", ".claims/worker-here-1"])
def test_a_search_is_waited_for_between_its_trials_too(studio, place, held):
    with run_lock(place.runs / "x_search" / held):
        assert runs_under_way(place, studio.processes) == ["x_search"]
    assert runs_under_way(place, studio.processes) == []


def test_studios_beside_each_other_start_each_run_once(studio, place, folder):
    """Six processes start runs for all that wait: each run begins once, and never two at a time."""
    kept = [studio.waiting.add(name, words(name)) for name in "ab"]
    others = [Studio(place) for _ in range(3)]
    children = [one.processes.start_waiting(run.key, run.words)[1] for one in others for run in kept]
    until(lambda: sum(child.poll() is None for child in children) == 1)
    until(lambda: len(ran(folder)) == 1)
    (first,) = ran(folder)
    (folder / f"end-{first}").touch()
    (second,) = {"a", "b"} - {first}
    until(lambda: any(one.keeper.look() == second for one in others))
    until(lambda: ran(folder) == [first, second])
    assert studio.waiting.all() == []


@pytest.mark.parametrize("moment", ["os.getpid()", "runs.remove(one)", "os.execv("])
def test_a_start_that_is_killed_starts_nothing_twice(studio, place, folder, moment):
    """`kill -9` of the starting process before it has written down that it starts, after that, and before it begins."""
    one = studio.waiting.add("a", words("a"))
    source = (ROOT / "src/web/claim.py").read_text().replace(moment, f"os.kill(os.getpid(), 9) or {moment}", 1)
    (folder / "broken.py").write_text(source.replace("from .", "from src.web."))
    key = f"20260101-000000-{one.key}"
    (place.own / "started" / key).mkdir(parents=True)
    command = [sys.executable, str(folder / "broken.py"), str(place.runs), key, *studio_program(folder)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([*command, *one.words], env=env, check=False).returncode == -signal.SIGKILL
    began = moment != "os.getpid()"
    assert [run.about for run in studio.waiting.all()] == ([] if began else ["a"])
    assert studio.keeper.look() == (None if began else "a")
    if not began:
        until(lambda: ran(folder) == ["a"])


def studio_program(folder: Path) -> list[str]:
    return [sys.executable, str(folder / "program.py")]


def test_a_studio_that_is_killed_leaves_the_queue_to_the_next(studio, place, folder):
    studio.waiting.add("a", words("a"))
    studio.waiting.add("b", words("b"))
    assert studio.keeper.look() == "a"
    later = Studio(place)
    assert later.keeper.look() is None
    (folder / "end-a").touch()
    until(lambda: later.keeper.look() == "b")
    until(lambda: ran(folder) == ["a", "b"])


def test_a_run_whose_data_has_vanished_lets_the_next_one_go(studio, folder, visitor):
    data = folder / "mine.csv"
    data.write_text("dialogue,summary\nA: Hi,They greet.\n")
    first = studio.waiting.add("a", [*words("a"), f"data.train={data}", f"data.eval={data}"])
    assert studio.keeper.refusal(first) is None
    data.unlink()
    assert studio.keeper.refusal(replace(first, key="anew")).startswith(f"{data}: no such file")
    page = visitor.get("/queue").text
    assert "until it can, those behind it go first" in page
    assert f"{data}: no such file" in page
    studio.waiting.add("b", words("b"))
    studio.keeper._reasons.clear()
    assert studio.keeper.look() == "b"
    data.write_text("dialogue,summary\nA: Hi,They greet.\n")
    (folder / "end-b").touch()
    until(lambda: studio.keeper._reasons.clear() or studio.keeper.look() == "a")


def test_what_can_not_be_started_is_tried_again_later(studio, place, monkeypatch):
    one = studio.waiting.add("a", words("a"))
    monkeypatch.setattr("src.web.processes._PACKAGE", "nowhere")
    assert studio.keeper.look() is None
    assert studio.keeper.refusal(one) == (
        "It could not be started; the studio's terminal says more. It is tried again in a minute."
    )
    assert list((place.own / "started").iterdir()) == []
    assert studio.waiting.all() == [one]


def test_a_file_that_is_no_queue_is_an_empty_one(place, visitor):
    place.own.mkdir(parents=True)
    lines = [
        b'{"about": "a", "words": ["train", 1, "x"]}', b'{"about": "a", "words": "train"}',
        b'{"about": 1, "words": ["train", "-e", "x"]}', b'{"about": "a", "words": []}',
        b'{"about": "a", "words": ["search", "-e", "x"]}', b'{"about": "a", "words": ["rm", "-rf", "/"]}',
    ]  # fmt: skip
    for content in (b"\xff\x00", b"[1]\n{}\n", b'{"about": 1}\n', b"[" * 20_000, b"", *lines):
        (place.own / "queue.jsonl").write_bytes(content)
        assert WaitingRuns(place).all() == []
        assert visitor.get("/queue").status_code == 200


def test_runs_that_fit_beside_each_other_may_begin(studio, write_studio_run, monkeypatch, visitor, place):
    """On an H100 two small models fit; on a card of 2.5 GB one of them does."""
    settings = load_config("quickstart").model_dump(mode="json")
    run = write_studio_run("going", status="running", command="yoyak train --experiment quickstart", config=settings)
    fields = [("experiment", "quickstart"), ("experiment.name", "mine")]
    wish = wish_of(fields, place)
    config = planning.checked_config(wish)
    with holder(run):
        for gigabytes, fits in ((80, True), (2.5, False)):
            turns._planned_bytes.clear()
            card = replace(find_device("H100"), memory_bytes=int(gigabytes * 1e9))
            monkeypatch.setattr(planning, "choose_device", lambda gpu, memory, card=card: card)
            turn = turn_of_wish(studio, wish, config)
            assert (turn.under_way, turn.fits_beside) == (("going",), fits)
            own = planning.planned(wish, config).choice.memory.device_bytes
            assert turn.all_bytes == 2 * own
            assert ("Start now" in visitor.get("/new/plan", params=dict(fields)).text) == fits
            assert ("both don't fit" in turn.sentence) == (not fits)


def test_a_run_goes_on_when_its_turn_comes(studio, visitor, place, write_studio_run):
    settings = load_config("quickstart", ["experiment.name=one"]).model_dump(mode="json")
    command = "yoyak train --experiment quickstart experiment.name=one"
    write_studio_run("one", status="interrupted", command=command, config=settings)
    assert "GPU is free" not in visitor.get("/runs/one").text
    with holder(write_studio_run("going", status="running", command="yoyak refine x")):
        page = visitor.get("/runs/one").text
        assert "Go on when the GPU is free" in page
        assert ">Go on</button>" not in page
        assert "this run waits" in visitor.post("/runs/one/resume", data={"a": ""}).text
        page = visitor.post("/runs/one/resume", data={"when": "free"}).text
        assert "It waits to go on, number 1 of 1 in the queue." in page
        assert "Go on when the GPU is free" not in page
        assert "put into the queue by" in page
    assert studio.keeper.look() == "one"
    (started,) = studio.processes.running("train")
    assert started.command == ["yoyak", "train", "--experiment", "quickstart", "experiment.name=one", "--resume"]
    assert runs_under_way(place, studio.processes) == ["one"]
    assert "Go on" not in visitor.get("/runs/one").text


def test_a_run_that_is_gone_does_not_go_on(studio):
    one = studio.waiting.add("one", [*words("one"), "--resume"])
    assert studio.keeper.refusal(one) == "outputs/one: there is no run to go on with"


def test_a_refining_and_a_search_wait_too(studio, visitor, finished, write_studio_run):
    search = {"experiment": "quickstart", "experiment.name": "x", "deadline": "1h"}
    with holder(write_studio_run("going", status="running")):
        for address, form in (("/runs/one/refine", {"a": ""}), ("/searches", search)):
            assert "this run waits" in visitor.post(address, data=form).text
        assert "Start when the GPU is free" in visitor.get("/runs/one/refine/plan").text
        assert visitor.post("/runs/one/refine", data={"when": "free"}).headers["location"] == "/runs/one_refined"
        assert visitor.post("/searches", data=search | {"when": "free"}).headers["location"] == "/queue"
    assert studio.keeper.look() == "one_refined"
    (refining,) = studio.processes.running("train")
    assert refining.command[:3] == ["yoyak", "refine", "outputs/one"]
    os.kill(refining.pid, signal.SIGKILL)
    until(lambda: studio.keeper.look() == "x_search")
    (started,) = studio.processes.running("search")
    assert started.command[1:] == ["search", "--experiment", "quickstart", "--deadline", "1h", "experiment.name=x"]


@pytest.mark.timeout(120)
def test_the_studio_itself_keeps_the_queue(running_studio, place):
    waiting = WaitingRuns(place)
    waiting.add("mine", [*words("mine"), "data.train=sample:en/none.csv"])
    waiting.add("other", words("other"))
    running_studio()
    until(lambda: [one.about for one in waiting.all()] == ["mine"], 60)
    (start,) = (json.loads(path.read_text()) for path in place.own.glob("started/*/start.json"))
    os.kill(start["pid"], signal.SIGKILL)
    assert (start["about"], start["command"]) == ("other", ["yoyak", *words("other")])
