"""What a studio says when things vanish under it: nothing is lost, and no page breaks."""

import asyncio
import json
import os
import shutil
import signal
import time

import httpx
import pytest

from src.runs.lock import lock_path
from src.tests.web.studio_process import pid_of
from src.web.run_events import _LogEnd, run_events


async def first_events(folder, count, between=None):
    """Return the first events of a run; `between` is called after the first."""
    found = []
    stream = run_events(folder)
    async for event in stream:
        name, _, data = event.partition("\ndata: ")
        found.append((name.removeprefix("event: "), json.loads(data) if data else None))
        if len(found) == 1 and between is not None:
            between()
        if len(found) == count:
            break
    await stream.aclose()
    return found


def test_events_of_two_tabs_are_the_same(write_studio_run):
    run = write_studio_run("one")

    async def both():
        return await asyncio.gather(first_events(run, 1), first_events(run, 1))

    first, second = asyncio.run(both())
    assert first == second
    assert first[0][0] == "curves"
    assert first[0][1]["loss"] == [[2.0, 40.0], [2.9, 1.7]]


def test_a_page_that_comes_back_gets_all_points_anew(write_studio_run):
    run = write_studio_run("one")
    asyncio.run(first_events(run, 1))
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 60, "loss": 1.0}\n')
    assert asyncio.run(first_events(run, 1))[0][1]["loss"][0] == [2.0, 40.0, 60.0]


def test_a_line_longer_than_what_is_read_at_a_time_does_not_stop_the_log(tmp_path):
    path = tmp_path / "train.log"
    path.write_text("first\n")
    log = _LogEnd(path)
    assert log.read() == ["first"]
    with path.open("a") as file:
        file.write("가" * 40_000 + "\nafter\nnot yet whole")
    parts = []
    while lines := log.read():
        parts += lines
    assert parts[-1] == "after"
    assert "".join(parts[:-1]) == "가" * 40_000


def test_a_run_that_goes_on_from_a_checkpoint_begins_its_curves_anew(write_studio_run):
    run = write_studio_run("one")
    cut = lambda: (run / "metrics.jsonl").write_text('{"step": 2, "loss": 2.5}\n')  # noqa: E731
    first, second = asyncio.run(first_events(run, 2, cut))
    assert (first[0], second[0]) == ("curves", "curves")
    assert second[1] == {"loss": [[2.0], [2.5]]}


def test_a_folder_that_vanishes_is_told_of(write_studio_run, visitor):
    run = write_studio_run("one", status="running")
    events = asyncio.run(first_events(run, 2, lambda: shutil.rmtree(run)))
    assert events[1][0] == "changed"
    for path in ("", "/head", "/content", "/report", "/events", "/summaries", "/export", "/try"):
        assert visitor.get(f"/runs/one{path}").status_code == 404
    for action in ("stop", "resume", "delete"):
        assert visitor.post(f"/runs/one/{action}", data={"a": ""}).status_code == 404
    assert visitor.get("/").status_code == 200


def test_the_folder_of_runs_vanishes(write_studio_run, visitor, place):
    write_studio_run("one")
    shutil.rmtree(place.runs)
    for path in ("/", "/data", "/new", "/compare", "/vote", "/settings"):
        assert visitor.get(path).status_code == 200


def test_a_folder_that_takes_nothing_says_so(visitor, place):
    place.runs.mkdir()
    (place.runs / ".studio").write_text("a file where the studio's folder would be")
    answer = visitor.post("/runs", data={"experiment": "quickstart", "experiment.name": "a"})
    assert answer.status_code == 422
    assert "nothing can be started there" in answer.text
    assert visitor.get("/data").status_code == 200


@pytest.mark.parametrize("name", ["run.json", "metrics.jsonl", "predictions.jsonl", "train.log"])
@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff\xfe", b"[[[[" * 1000, b'{"step": 1e999, "loss": NaN}\n', b"{}\n" * 3]
)
def test_a_file_that_is_broken_breaks_no_page(visitor, write_studio_run, name, content):
    run = write_studio_run("one", status="interrupted")
    (run / name).write_bytes(content)
    for path in ("/", "/runs/one", "/runs/one/head", "/runs/one/export", "/new?like=one", "/compare"):
        assert visitor.get(path).status_code == 200, path
    assert asyncio.run(first_events(run, 1))[0][0] == "curves"


@pytest.mark.parametrize(
    "content",
    [
        "", "[[[[" * 1000, "{}", '{"status": "ended", "trials": 5, "chosen": 0, "objective": "x"}',
        '{"status": "ended", "trials": [5], "chosen": 0, "objective": "x"}',
        '{"status": "ended", "trials": [], "chosen": "<b>", "objective": "x"}',
        '{"status": "ended", "trials": [{"number": 0, "state": "finished"}], "chosen": 0, "objective": "rouge_sum"}',
        '{"status": "ended", "trials": [{"number": [], "state": {}, "score": "x"}], "chosen": 0, "objective": "x"}',
    ],
)  # fmt: skip
def test_a_search_that_is_broken_breaks_no_page(visitor, place, content):
    search = place.runs / "broken"
    search.mkdir(parents=True)
    for name in ("clock.json", "search.json", "best.yaml", "search.db"):
        (search / name).write_text(content)
    assert visitor.get("/").status_code == 200
    for path in ("/searches/broken", "/searches/broken/standing", "/searches/broken/report"):
        assert visitor.get(path).status_code in (200, 404, 422), path


@pytest.mark.parametrize(
    "line", ["[" * 3000, "{}", "5", "null", '{"pid": 1e999}', '{"a": 1}', '{"about": 5, "words": 5}', '{"key": {}}']
)
def test_a_file_of_the_studio_that_is_broken_breaks_no_page(visitor, place, write_studio_run, line):
    write_studio_run("one")
    for name in ("queue.jsonl", "actions.jsonl", "started/20261124-120000-00000000/start.json", "votes/x.jsonl"):
        path = place.own / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{line}\n" * 2)
    lock_path(place.runs / "one").write_text(line)
    for path in (
        "/",
        "/queue",
        "/runs/one",
        "/runs/one/export",
        "/runs/one/try",
        "/vote?a=one&b=one~before",
        "/settings",
    ):
        assert visitor.get(path).status_code < 500, path


def test_a_clock_that_jumps_changes_no_state(write_studio_run):
    from src.tests.lock_holder import holder
    from src.web.run_list import run_line

    run = write_studio_run("one", status="running", started="2099-01-01T00:00:00+00:00")
    with holder(run):
        os.utime(lock_path(run), (0, 0))
        assert run_line(run).state == "running"
    assert run_line(run).state == "lost"


def test_a_studio_that_is_killed_comes_back_with_the_same_key_and_the_run_goes_on(running_studio, folder):
    """`kill -9` of the studio: the next one opens with the old cookie, and knows and stops what the first started."""
    address = running_studio()
    base, token = address.split("/?token=")
    headers = {"origin": base}
    with httpx.Client(
        base_url=base, cookies={"yoyak_studio": token}, headers=headers, timeout=60, trust_env=False
    ) as client:
        answer = client.post("/runs", data={"experiment": "quickstart", "experiment.name": "mine"})
        assert answer.headers["location"] == "/runs/mine"
    (start,) = (folder / "outputs" / ".studio" / "started").glob("*/start.json")
    pid = json.loads(start.read_text())["pid"]
    try:
        os.kill(pid_of(base), signal.SIGKILL)
        os.kill(pid, 0)
        again, same = running_studio().split("/?token=")
        assert same == token
        with httpx.Client(base_url=again, cookies={"yoyak_studio": token}, timeout=60, trust_env=False) as client:
            assert (
                "The run begins" in client.get("/runs/mine").text or "/runs/mine/stop" in client.get("/runs/mine").text
            )
    finally:
        os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 20
    while _is_alive(pid):
        assert time.monotonic() < end
        time.sleep(0.05)


def _is_alive(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
