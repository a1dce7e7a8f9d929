"""A search that is deleted: asked before, refused while it runs, whole in the bin, its winner's run kept."""

import contextlib
import json
import os
import shutil
import signal
import sys

import pytest

from src.runs.lock import run_lock
from src.tests.reports.test_search_page import RECORD
from src.web.processes import Processes
from src.web.search_deletion import delete_search, winner_folder
from src.web.searches import search_state
from src.web.studio import Studio

pytest.importorskip("optuna", reason="Optuna is not installed")
PAGE = "/searches/found_search"


@pytest.fixture
def ended(found, write_studio_run):
    """The search at its end, with trial 1 as the winner."""
    won = write_studio_run("found_search/trial_0001")
    (won / "final_model").mkdir()
    (won / "final_model" / "adapter_model.safetensors").write_bytes(b"weights")
    (found / "search.json").write_text(json.dumps(RECORD | {"run": "outputs/found_search/trial_0001"}))
    os.symlink("trial_0001", found / "best")
    return found


def content_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


def test_the_winner_s_run_stays(visitor, place, ended):
    page = visitor.get(PAGE).text
    assert "Delete this search" in page
    assert '<code translate="no">found_best</code>' in page
    before, won = content_of(ended), content_of(ended / "trial_0001")
    answer = visitor.post(f"{PAGE}/delete", data={"a": ""})
    assert answer.headers["hx-redirect"] == "/runs/found_best"
    assert not ended.exists()
    assert content_of(place.runs / "found_best") == won
    assert visitor.get("/runs/found_best").status_code == 200
    assert visitor.get(PAGE).status_code == 404
    (binned,) = (place.own / "bin").iterdir()
    assert binned.name in visitor.get("/settings").text
    assert "deleted by" in visitor.get("/settings").text
    answer = visitor.post("/bin/restore", data={"run": binned.name})
    assert answer.headers["location"] == PAGE
    assert content_of(ended) == before
    assert search_state(ended) == "ended"


def test_all_of_it_goes_where_that_is_asked(visitor, place, ended):
    answer = visitor.post(f"{PAGE}/delete", data={"winner": "too"})
    assert answer.headers["hx-redirect"] == "/"
    assert place.run_names() == []
    assert len(list((place.own / "bin").iterdir())) == 1


def test_a_kept_run_replaces_none_and_outlives_the_bin(visitor, place, ended, write_studio_run):
    other = write_studio_run("found_best")
    answer = visitor.post(f"{PAGE}/delete", data={"a": ""})
    assert answer.headers["hx-redirect"] == "/runs/found_best_2"
    assert not (other / "final_model").exists()
    visitor.post("/bin/empty", data={"a": ""})
    kept = place.runs / "found_best_2" / "final_model" / "adapter_model.safetensors"
    assert kept.read_bytes() == b"weights"


def test_averaged_weights_stay_in_a_folder(visitor, place, ended):
    """They have no run's record, so no page leads to them: the page says where they are."""
    shutil.copytree(ended / "trial_0001" / "final_model", ended / "added" / "average_1_2" / "final_model")
    (ended / "search.json").write_text(
        json.dumps(RECORD | {"run": "/elsewhere/outputs/found_search/added/average_1_2"})
    )
    assert '<code translate="no">found_best/final_model</code>' in visitor.get(PAGE).text
    answer = visitor.post(f"{PAGE}/delete", data={"a": ""})
    assert answer.headers["hx-redirect"] == "/"
    assert (place.runs / "found_best" / "final_model" / "adapter_model.safetensors").read_bytes() == b"weights"


def test_a_search_without_a_result_goes_whole(visitor, place, found):
    page = visitor.get(PAGE).text
    assert "Delete this search" in page
    assert 'name="winner"' not in page
    assert visitor.post(f"{PAGE}/delete", data={"a": ""}).headers["hx-redirect"] == "/"
    assert not found.exists()
    assert place.run_names() == []


def test_one_under_way_is_refused(visitor, place, ended, monkeypatch):
    with run_lock(ended / ".claims" / f"worker-{os.uname().nodename}-{os.getpid()}"):
        assert "Delete this search" not in visitor.get(PAGE).text
        answer = visitor.post(f"{PAGE}/delete", data={"winner": "too"})
        assert (answer.status_code, "stop it first" in answer.text) == (409, True)
        korean = visitor.post(f"{PAGE}/delete", data={"a": ""}, headers={"accept-language": "ko"})
        assert "먼저 멈춰 주세요" in korean.text
    monkeypatch.setattr("src.web.processes.program", lambda: [sys.executable, "-c"])
    started = Processes(place).start("search", "found_search", ["import time; time.sleep(60)"])
    try:  # it was told to go on and has not come to its first lock
        assert visitor.post(f"{PAGE}/delete", data={"a": ""}).status_code == 409
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(started.pid, signal.SIGKILL)
    assert (ended / "search.json").is_file()
    assert [name for name in os.listdir(place.runs) if not name.startswith(".")] == ["found_search"]


def test_what_the_disk_refuses_leaves_all_as_it_was(visitor, place, ended):
    place.own.mkdir(exist_ok=True)
    (place.own / "bin").write_text("a file")
    before = content_of(ended)
    answer = visitor.post(f"{PAGE}/delete", data={"a": ""}, headers={"accept-language": "ko"})
    assert answer.status_code == 200
    assert "옮길 수 없습니다" in answer.text
    assert content_of(ended) == before
    assert not (place.runs / "found_best").exists()


def test_files_that_can_t_have_a_second_name_are_copied(place, ended, monkeypatch):
    def refused(*names, **_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refused)
    assert delete_search(Studio(place), ended, with_winner=False) == "found_best"
    assert (place.runs / "found_best" / "final_model" / "adapter_model.safetensors").read_bytes() == b"weights"


@pytest.mark.parametrize("name", ["..", "%2e%2e", "..%2f..", ".studio", "%00", "one~..", "nothing"])
def test_a_name_leads_nowhere_else(visitor, place, ended, name):
    assert visitor.post(f"/searches/{name}/delete", data={"a": ""}).status_code in (404, 405)
    assert ended.is_dir()


@pytest.mark.parametrize("run", ["", "/etc", "outputs/found_search", "found_search/../..", "found_search/trial_0009"])
def test_a_record_leads_to_no_other_folder(ended, run):
    (ended / "search.json").write_text(json.dumps(RECORD | {"run": run}))
    assert winner_folder(ended) is None
