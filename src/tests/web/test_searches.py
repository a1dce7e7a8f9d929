"""Searches in the studio: lists, pages while they run and at their end, and the start of one."""

import json
import os

import pytest

from src.runs.lock import run_lock
from src.search.folder import trial_name
from src.tests.reports.test_search_page import RECORD
from src.tests.web.begun_command import begun
from src.web.place import PageError
from src.web.processes import Processes
from src.web.search_start import foreseen_of
from src.web.searches import SEARCH_STATES, SearchLine, clock_of, search_lines, search_state, stop_search
from src.web.searches_page import standing_of
from src.web.wishes import wish_of

pytest.importorskip("optuna", reason="Optuna is not installed")
FORM = {"content-type": "application/x-www-form-urlencoded"}


def test_how_it_stands_is_read_from_its_storage(found):
    claim = found / ".claims" / trial_name(1)
    with run_lock(claim):
        record = standing_of(found)
    assert [trial["state"] for trial in record["trials"]] == ["finished", "running", "lost", "refused"]
    assert record["pauses_by_summaries"] == [False, True]
    first = record["trials"][0]
    assert (first["score"], first["seconds"]) == (85.0, 61.0)
    assert 80 <= first["low"] <= 85 <= first["high"] <= 90
    assert record["trials"][1]["settings"]["training.learning_rate"] == 1e-3
    assert standing_of(found)["trials"][1]["state"] == "begun"


def test_reading_changes_nothing(found, visitor):
    before = (found / "search.db").read_bytes()
    assert standing_of(found) is not None
    assert (found / "search.db").read_bytes() == before
    (found / "search.db").write_bytes(b"no database")
    assert standing_of(found) == "search.db can't be read: file is not a database"
    page = visitor.get("/searches/found_search").text
    assert "search.db can&#39;t be read: file is not a database" in page
    assert "No trial can be shown yet" not in page
    (found / "search.db").unlink()
    assert "No trial can be shown yet" in visitor.get("/searches/found_search").text
    assert standing_of(found) is None
    assert not (found / "search.db").exists()


def test_who_works_on_it_tells_its_state(found, visitor):
    assert search_state(found) == "lost"
    with run_lock(found / ".claims" / f"worker-{os.uname().nodename}-{os.getpid()}"):
        assert search_state(found) == "running"
        page = visitor.get("/searches/found_search").text
    assert 'hx-get="/searches/found_search/standing"' in page
    assert '<progress max="600.0" value="120.0"' in page
    assert "Best score so far, of trial 0" in page
    assert "85.00" in page
    assert "takes 99.0 GB of memory, more than there is" in page
    page = visitor.get("/searches/found_search").text
    assert "hx-get" not in page.partition('id="standing"')[2].partition(">")[0]
    assert str(SEARCH_STATES["lost"]) in page
    with pytest.raises(PageError, match="No process here works on this search"):
        stop_search(found)


def test_one_that_goes_on_is_followed_and_starts_no_second_time(found, place, visitor):
    """Its process has no lock yet: the page asks on, or it would show the search as lost until it is loaded again."""
    words = ["search", "--experiment", "quickstart", "--deadline", "1h", "experiment.name=found"]
    with begun(place, "search", "found_search", words):
        page = visitor.get("/searches/found_search").text
        assert 'hx-get="/searches/found_search/standing"' in page
        assert "/resume" not in page
        answer = visitor.post("/searches/found_search/resume", data={"a": ""})
        assert (answer.status_code, "The search is under way." in answer.text) == (409, True)


def test_an_ended_one_shows_what_its_page_does(found, place, visitor, write_studio_run):
    write_studio_run("found_search/trial_0001")
    (found / "search.json").write_text(json.dumps(RECORD | {"run": "outputs/found_search/trial_0001"}))
    (found / "best.yaml").write_text("lora:\n  r: 8\n")
    (found / "search.html").write_text("<!doctype html><title>x</title>")
    page = visitor.get("/searches/found_search").text
    assert "Trial 1 won." in page
    assert 'href="/runs/found_search~trial_0001"' in page
    assert visitor.get("/searches/found_search/report").text == "<!doctype html><title>x</title>"
    (line,) = search_lines(place)
    assert line == SearchLine("found_search", "ended", 5, 90.5, 120.0)
    first = visitor.get("/").text
    assert 'href="/searches/found_search"' in first
    assert "90.50" in first
    assert "The trial that it was made of" not in page
    trial = visitor.get("/runs/found_search~trial_0001").text
    assert 'A trial of the search <a href="/searches/found_search"' in trial
    assert "/delete" not in trial
    refused = visitor.post("/runs/found_search~trial_0001/delete", content="", headers=FORM)
    assert "A trial belongs to its search." in refused.text or refused.status_code == 409
    assert (found / "trial_0001").is_dir()


def test_the_list_has_the_score_of_what_was_added_to_the_winner(found, place):
    (found / "search.json").write_text(json.dumps(RECORD | {"score": 91.5}))
    assert [line.score for line in search_lines(place)] == [91.5]


def test_a_winner_that_was_made_of_a_trial(found, visitor, write_studio_run):
    """Refined, it is a run below the search's folder; of averaged weights there is a model alone."""
    write_studio_run("found_search/trial_0001")
    write_studio_run("found_search/added/refined")
    for name, there in (("refined", True), ("average", False)):
        run = {"run": f"/elsewhere/outputs/found_search/added/{name}"}
        (found / "search.json").write_text(json.dumps(RECORD | run))
        page = visitor.get("/searches/found_search").text
        assert ('href="/runs/found_search~added~refined"' in page) == there
        assert 'href="/runs/found_search~trial_0001"' in page
    refined = visitor.get("/runs/found_search~added~refined").text
    assert 'A trial of the search <a href="/searches/found_search"' in refined
    assert visitor.get("/runs/found_search~added~..").status_code == 404


def test_a_record_of_another_version_leaves_the_trials(found, visitor):
    without = {key: value for key, value in RECORD.items() if key != "test"}
    (found / "search.json").write_text(json.dumps(without))
    page = visitor.get("/searches/found_search")
    assert (page.status_code, "takes 99.0 GB of memory, more than there is" in page.text) == (200, True)
    (found / "search.json").write_text(json.dumps(RECORD | {"trials": [1]}))
    assert visitor.get("/searches/found_search").status_code == visitor.get("/").status_code == 200


@pytest.mark.parametrize("text", ["", "{", "[]", '{"spent": "x"}', '{"spent": 1, "seen": 5, "since": 9}'])
def test_a_clock_that_says_nothing(found, visitor, text):
    (found / "clock.json").write_text(text)
    assert clock_of(found) in ({}, {"spent_seconds": 0.0})
    assert visitor.get("/searches/found_search").status_code == 200
    (found / "search.json").write_text(text)
    assert visitor.get("/searches/found_search").status_code == 200
    assert visitor.get("/").status_code == 200


def test_places_that_are_no_search(visitor, found):
    for path in ("none", "one~two", "none/standing", ".studio", "%00"):
        assert visitor.get(f"/searches/{path}").status_code == 404, path
    assert visitor.get("/runs/found_search~..").status_code == 404
    assert visitor.get("/searches/found_search/report").status_code == 404


def test_the_form_takes_the_run_s_settings_along(visitor, found):
    query = "experiment=quickstart&lora.r=8&experiment.name=found&training.epochs=2"
    page = visitor.get(f"/searches/new?{query}").text
    assert '<input type="hidden" name="lora.r" value="8">' in page
    assert 'name="experiment.name" value="found_2"' in page
    assert 'name="search.objective"' in page


def test_what_it_would_come_to_and_its_command(visitor, found):
    shown = visitor.get("/searches/new/plan?experiment=quickstart&lora.r=8&deadline=20m&search.trials=3").text
    command = "yoyak search --experiment quickstart --deadline 20m lora.r=8 search.trials=3"
    assert f"<code>{command}</code>" in shown


def test_what_is_foreseen_is_said_in_sentences(place):
    wish = wish_of([("experiment", "quickstart"), ("gpu", "RTX 4090")], place)
    first, second = foreseen_of(wish, "20m")[:2]
    assert first.startswith("About ")
    assert "trials of bundled:smollm2-135m in 20 min on RTX 4090" in first
    assert second.startswith("The config as it is takes ")
    assert foreseen_of(wish, "1s")[0].startswith("1 s allow no trial of bundled:smollm2-135m on RTX 4090")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("deadline=soon", "--deadline soon: give a time such as"),
        ("experiment=../../etc/passwd", "no config"),
        ("lora.rr=8", "lora.rr"),
        ("search.pauses=[0.5, 0.25]", "pauses must rise"),
        ("data.train=nothing.csv", "nothing.csv"),
    ],
)
def test_what_the_command_would_refuse_is_refused(visitor, place, fields, said):
    answer = visitor.post("/searches", content=f"experiment.name=x&{fields}", headers=FORM)
    assert answer.status_code == 422
    assert said in answer.text
    assert not (place.own / "started").exists()


def test_it_starts_in_a_process_of_its_own(visitor, place):
    fields = "experiment=quickstart&experiment.name=x&deadline=1s"
    answer = visitor.post("/searches", content=fields, headers=FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, "/searches/x_search")
    processes = Processes(place)
    started = processes.latest("x_search", "search")
    words = ["yoyak", "search", "--experiment", "quickstart", "--deadline", "1s", "experiment.name=x"]
    assert started.command == words
    page = visitor.get("/searches/x_search").text
    assert "The search begins" in page
    assert (
        visitor.get("/searches/x_search/standing").headers["HX-Refresh"] == "true"
    )  # its folder was there, and is gone
    assert "yoyak search --experiment quickstart --deadline 1s experiment.name=x" in page
    processes.stop(started)
