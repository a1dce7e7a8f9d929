"""`kill -9` of what a studio works with, disks that take nothing, two tabs: nothing is lost, and pages say so."""

import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from src.tests.lock_holder import holder
from src.tests.small_disk import mounted_disk
from src.tests.web.studio_process import client_of, pid_of, until
from src.web import uploads
from src.web.processes import Processes
from src.web.votes import add_vote, duels, read_votes, votes_file
from src.web.worker import WORKER

CSV = b"fname,dialogue,summary\n1,A: hi,greets\n"
SLEEPS = "import time; print('begun', flush=True); time.sleep(60)"


def votes_of_all(place):
    return {key: choice for votes in read_votes(place, "one", "two").values() for key, choice in votes.items()}


@pytest.fixture
def small_place(place):
    """The folder of runs on a disk of 4 MB."""
    with mounted_disk(place.runs, "4m") as disk:
        yield disk


# What is killed


def test_a_studio_that_is_killed_while_a_file_comes_keeps_no_half_of_it(running_studio, place):
    address = running_studio()
    base, token = address.split("/?token=")
    host, port = base.removeprefix("http://").split(":")
    lines = ["POST /data?name=a.csv HTTP/1.1", f"Host: {host}:{port}", f"Origin: {base}"]
    head = "\r\n".join([*lines, f"Cookie: yoyak_studio={token}", f"Content-Length: {len(CSV)}", "", ""])
    with socket.create_connection((host, int(port))) as sending:
        sending.sendall(head.encode() + CSV[:20])
        until(lambda: list((place.own / "data").glob(".a.csv.*.tmp")))
        os.kill(pid_of(base), signal.SIGKILL)
        with suppress(ConnectionError):
            assert sending.recv(1) == b""
    (torn,) = (place.own / "data").iterdir()
    os.utime(torn, (time.time() - 7200,) * 2)  # as the next studio finds it tomorrow
    with client_of(running_studio()) as client:
        assert "a.csv" not in client.get("/data").text
        assert client.post("/data?name=a.csv", content=CSV).json() == {"address": "/data/a.csv"}
    assert [path.name for path in (place.own / "data").iterdir()] == ["a.csv"]


def test_a_run_that_is_killed_says_so_and_can_go_on(visitor, write_studio_run):
    run = write_studio_run("one", status="running", ended=None)
    with holder(run) as process:
        assert 'class="status running"' in visitor.get("/runs/one/head").text
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        page = visitor.get("/runs/one/head").text
    assert "it was killed, or the machine went down" in page
    assert "/runs/one/resume" in page
    assert "stopped without a word" in visitor.get("/").text
    assert visitor.post("/runs/one/stop", data={"a": ""}).status_code == 409


def test_a_worker_that_is_killed_while_it_reads_says_so_and_the_next_one_reads(visitor, brought_file):
    assert visitor.get(f"/data/{brought_file}").status_code == 200
    (worker,) = WORKER._pool._processes.values()
    os.kill(worker.pid, signal.SIGSTOP)  # it is in the middle of something
    killer = psutil.Popen([sys.executable, "-c", f"import os, time; time.sleep(0.5); os.kill({worker.pid}, 9)"])
    answer = visitor.get(f"/data/{brought_file}")
    killer.wait(10)
    assert answer.status_code == 503
    assert "was killed, perhaps because the memory was full" in answer.text
    assert visitor.get(f"/data/{brought_file}").status_code == 200


def test_a_worker_that_is_killed_while_it_waits_is_replaced(visitor, brought_file):
    assert visitor.get(f"/data/{brought_file}").status_code == 200
    (worker,) = WORKER._pool._processes.values()
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(10)
    until(lambda: WORKER._pool._broken)
    assert visitor.get(f"/data/{brought_file}").status_code == 200


def test_a_run_that_vanishes_under_the_worker_is_told_of(visitor, voted_on, monkeypatch):
    """The worker's refusals come from another process."""
    (voted_on.runs / "two" / "run.json").unlink()
    monkeypatch.setattr("src.web.place.Place.run", lambda place, name: place.runs / name)  # it was there a moment ago
    answer = visitor.get("/vote?a=one&b=two")
    assert answer.status_code == 404
    assert "There is no such run here." in answer.text


def test_a_job_that_is_killed_says_how_it_ended(visitor, write_studio_run, place, monkeypatch):
    monkeypatch.setattr("src.web.processes.program", lambda: [sys.executable, "-c", SLEEPS])
    (write_studio_run("one") / "final_model").mkdir()
    job = visitor.post("/runs/one/export", data={"to": "merged"}).headers["location"]
    until(lambda: "begun" in visitor.get(job).text)
    assert "It runs." in visitor.get(job).text
    started = json.loads((place.own / "started" / Path(job).name / "start.json").read_text())
    os.kill(started["pid"], signal.SIGKILL)
    until(lambda: "It ended with exit code -9" in visitor.get(job).text)
    assert "begun" in visitor.get(job).text


# Disks that take nothing


def test_a_disk_without_room_takes_no_file_and_loses_none(visitor, small_place, place, monkeypatch):
    assert visitor.post("/data?name=a.csv", content=CSV).status_code == 507  # it would leave too little
    monkeypatch.setattr(uploads, "_SPARE_DISK_BYTES", 0)
    assert visitor.post("/data?name=a.csv", content=CSV).status_code == 200
    free = 3 << 20
    answer = visitor.post("/data?name=b.csv", content=CSV + b"x" * (4 << 20))
    assert answer.status_code == 507
    assert "There is no room for it on the disk." in answer.text
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1 << 40}))  # filled meanwhile
    answer = visitor.post("/data?name=b.csv", content=CSV + b"x" * (free + (2 << 20)))
    assert (answer.status_code, "No space left on device" in answer.text) == (507, True)
    assert [path.name for path in (place.own / "data").iterdir()] == ["a.csv"]
    assert visitor.get("/data/a.csv").status_code == 200


def test_a_full_disk_starts_nothing_and_says_so(visitor, small_place, place):
    (place.own / "started").mkdir(parents=True)
    small_place.fill()
    answer = visitor.post("/runs", data={"experiment": "quickstart", "experiment.name": "mine"})
    assert answer.status_code == 422
    assert "nothing can be started there (No space left on device)" in answer.text
    assert visitor.get("/runs/mine").status_code == 404
    for path in ("/", "/data", "/new", "/settings", "/compare", "/vote"):
        assert visitor.get(path).status_code == 200, path


def test_a_vote_on_a_full_disk_is_refused_and_no_other_is_lost(visitor, small_place, voted_on):
    first, second, third, *_ = duels(voted_on, "one", "two")
    add_vote(voted_on, "one", "two", first, "tie")
    file = votes_file(voted_on, "one", "two")
    room = 4096 - file.stat().st_size % 4096
    with file.open("a") as votes:
        votes.write(" " * (room - 21) + "\n")  # 20 bytes are left of the file's last block
    small_place.fill()
    answer = visitor.post("/vote", data={"a": "one", "b": "two", "key": second.key, "side": "tie"})
    assert (answer.status_code, "can&#39;t be kept (No space left on device)" in answer.text) == (422, True)
    assert votes_of_all(voted_on) == {first.key: "tie"}
    (small_place.folder / "filler").unlink()
    assert visitor.post("/vote", data={"a": "one", "b": "two", "key": third.key, "side": "tie"}).status_code == 303
    assert votes_of_all(voted_on) == {first.key: "tie", third.key: "tie"}


def test_a_disk_that_became_read_only_loses_nothing(visitor, small_place, place, write_studio_run):
    write_studio_run("one")
    (place.own / "bin").mkdir(parents=True)
    (place.own / "bin" / "two~20261124-120000").mkdir()
    data = place.own / "data"
    data.mkdir()
    (data / "a.csv").write_bytes(CSV)
    small_place.make_read_only()
    for path, fields, status in [
        ("/runs/one/delete", {"a": ""}, 200),  # the run's page, which says why not
        ("/bin/restore", {"run": "two~20261124-120000"}, 507),
        ("/data/a.csv/delete", {"a": ""}, 507),
        ("/data?name=b.csv", None, 507),
        ("/runs", {"experiment": "quickstart", "experiment.name": "a"}, 422),
    ]:
        answer = visitor.post(path, data=fields) if fields else visitor.post(path, content=CSV)
        assert answer.status_code == status, path
        assert "Read-only file system" in answer.text or "no room" in answer.text, path
    assert visitor.post("/language", data={"language": "ko", "back": "/"}).status_code == 303
    for path in ("/", "/runs/one", "/data", "/data/a.csv", "/settings", "/runs/one/report"):
        assert visitor.get(path).status_code == 200, path


def test_a_vote_behind_one_that_was_cut_is_kept(voted_on):
    """A machine that went down in the middle of a line."""
    first, second, *_ = duels(voted_on, "one", "two")
    add_vote(voted_on, "one", "two", first, "tie")
    with votes_file(voted_on, "one", "two").open("a") as file:
        file.write('{"key": "')
    add_vote(voted_on, "one", "two", second, "tie")
    assert set(votes_of_all(voted_on)) == {first.key, second.key}


# What vanishes


def test_data_that_vanishes_is_told_of(visitor, brought_file, place):
    path = place.own / "data" / brought_file
    assert visitor.get(f"/data/{brought_file}").status_code == 200
    path.unlink()
    assert visitor.get(f"/data/{brought_file}").status_code == 404
    assert visitor.post(f"/data/{brought_file}/delete", data={"a": ""}).status_code == 404
    path.symlink_to("gone.csv")  # it is listed, and nothing is there
    answer = visitor.get("/data")
    assert (answer.status_code, visitor.get(f"/data/{brought_file}").status_code) == (200, 404)


def test_the_folder_in_which_a_studio_works_vanishes(running_studio, folder):
    with client_of(running_studio()) as client:
        assert client.get("/").status_code == 200
        for path in sorted(folder.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        folder.rmdir()
        for path in (
            "/",
            "/data",
            "/new",
            "/new/plan?experiment=quickstart",
            "/compare",
            "/vote",
            "/settings",
            "/runs/one",
        ):
            answer = client.get(path)
            assert answer.status_code < 500, path
            assert "Traceback" not in answer.text
        answer = client.post("/runs", data={"experiment": "quickstart"})
        assert answer.status_code in (404, 422)
        assert client.get("/static/studio.js").status_code == 200
    folder.mkdir()


def test_a_clock_that_is_set_back_hides_no_start(place, monkeypatch):
    monkeypatch.setattr("src.web.processes.program", lambda: ["true"])
    before = Processes(place).start("train", "mine", [])
    folder = place.own / "started"
    (folder / before.key).rename(folder / "20991231-235959-ffffffff")  # as it would be named after a jump
    second, third = (Processes(place).start("train", "mine", []) for _ in range(2))
    assert second.key.startswith("21000101-000000-")
    assert third.key.startswith("21000101-000001-")
    assert Processes(place).latest("mine", "train") == third


# Two tabs


def test_a_run_that_another_tab_has_deleted(visitor, write_studio_run, place):
    write_studio_run("one")
    assert visitor.post("/runs/one/delete", data={"a": ""}).headers["hx-redirect"] == "/"
    for path in ("/runs/one/delete", "/runs/one/resume", "/runs/one/stop", "/runs/one/export"):
        answer = visitor.post(path, data={"to": "gguf"}, headers={"hx-request": "true"})
        assert (answer.status_code, "There is no such run here." in answer.text) == (404, True), path
    (binned,) = (place.own / "bin").iterdir()
    assert visitor.post("/bin/restore", data={"run": binned.name}).status_code == 303
    answer = visitor.post("/bin/restore", data={"run": binned.name})
    assert (answer.status_code, "This is not in the bin." in answer.text) == (404, True)


def test_two_tabs_that_vote_on_one_dialogue_count_once(visitor, voted_on):
    (first, *others) = duels(voted_on, "one", "two")
    for side in ("left", "right"):
        visitor.post("/vote", data={"a": "one", "b": "two", "key": first.key, "side": side})
    assert list(votes_of_all(voted_on).values()) == ["a" if first.is_turned else "b"]
    assert f"1 of {1 + len(others)}" in visitor.get("/vote?a=one&b=two").text


def test_a_page_of_a_run_that_begins_is_the_same_when_it_is_loaded_again(visitor, monkeypatch):
    monkeypatch.setattr("src.web.processes.program", lambda: [sys.executable, "-c", SLEEPS])
    assert visitor.post("/runs", data={"experiment": "quickstart", "experiment.name": "mine"}).status_code == 303
    until(lambda: "begun" in visitor.get("/runs/mine").text)
    first, second, part = (visitor.get(path).text for path in ("/runs/mine", "/runs/mine", "/runs/mine/begins"))
    assert first == second
    assert "begun" in part
    for child in psutil.Process().children():
        if SLEEPS in child.cmdline():
            child.kill()
    until(lambda: "The command ended before the run began." in visitor.get("/runs/mine").text)
    assert "begun" in visitor.get("/runs/mine").text
