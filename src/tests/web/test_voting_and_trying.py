"""Blind votes, and a model that is tried."""

import json
import os
import re
import sys
import time

import pytest

from src.tests.tiny_models import write_tiny_model
from src.tests.web.conftest import VOTED_ROWS
from src.tests.web.test_runs_of_a_place import until
from src.web.place import PageError
from src.web.processes import Processes
from src.web.served import _before_training, checked_dialogue
from src.web.votes import Duel, add_vote, duels, read_votes, result_of, votes_file, wilson


def test_sides_are_shuffled_and_known(voted_on):
    found = duels(voted_on, "one", "two")
    assert len(found) == 6
    assert {duel.is_turned for duel in found} == {True, False}
    for duel in found:
        assert (duel.right if duel.is_turned else duel.left).startswith("They meet")
        assert duel.scores[0] == 300.0
    assert [duel.dialogue for duel in found] != [row["dialogue"] for row in VOTED_ROWS[:6]]
    assert len(duels(voted_on, "one", "one~before")) == 8


def test_votes_are_kept_and_the_later_one_counts(voted_on):
    found = duels(voted_on, "one", "two")
    for duel in found[:3]:
        add_vote(voted_on, "one", "two", duel, "right" if duel.is_turned else "left")
    add_vote(voted_on, "one", "two", found[0], "left" if found[0].is_turned else "right")
    add_vote(voted_on, "one", "two", found[3], "tie")
    with votes_file(voted_on, "one", "two").open("a") as file:
        file.write("no json\n[]\n")
    assert read_votes(voted_on, "one", "two")[""] == {
        found[0].key: "b", found[1].key: "a", found[2].key: "a", found[3].key: "tie"
    }  # fmt: skip
    result = result_of(found, read_votes(voted_on, "one", "two").values())
    assert (result.wins_a, result.wins_b, result.ties) == (2, 1, 1)
    assert (result.agreed, result.scored) == (2, 3)
    assert read_votes(voted_on, "two", "one") == {}


@pytest.mark.parametrize(
    ("wins", "trials", "low", "high"),
    [(0, 0, 0.0, 1.0), (8, 10, 0.490, 0.943), (5, 10, 0.237, 0.763), (0, 5, 0.0, 0.434)],
)
def test_an_interval_of_a_share(wins, trials, low, high):
    """Against the table in Newcombe, "Two-sided confidence intervals for the single proportion" (1998), method 3."""
    assert wilson(wins, trials) == pytest.approx((low, high), abs=5e-4)


def test_a_vote_on_the_page(visitor, voted_on):
    page = visitor.get("/vote?a=one&b=two").text
    shown = page.partition('class="duel"')[2].partition("</form>")[0]
    assert "one" not in re.sub(r'<input[^>]*>|name="side"', "", shown)
    key = re.search(r'name="key" value="(\w+)"', page)[1]
    answer = visitor.post("/vote", data={"a": "one", "b": "two", "key": key, "side": "left"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/vote?a=one&b=two")
    page = visitor.get("/vote?a=one&b=two").text
    assert "1 of 6" in page
    assert key not in page
    assert visitor.post("/vote", data={"a": "one", "b": "two", "key": key, "side": "up"}).status_code == 400
    assert visitor.post("/vote", data={"a": "one", "b": "two", "key": "0", "side": "tie"}).status_code == 404
    assert visitor.get("/vote?a=one&b=..").status_code == 404
    assert "Choose two different ones." in visitor.get("/vote?a=one&b=one").text


def test_votes_are_on_the_summaries_that_were_read(visitor, voted_on):
    """A run that is trained again under its name has other summaries: votes on the earlier ones say nothing of them."""
    found = duels(voted_on, "one", "two")
    for duel in found[:3]:
        add_vote(voted_on, "one", "two", duel, "left", "Min")
    path = voted_on.runs / "two" / "predictions.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        if row["dialogue"] == found[0].dialogue:
            row["fine_tuned"] = "They meet in the evening."
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    again = duels(voted_on, "one", "two")
    assert [duel.key for duel in again] == [duel.key for duel in found]
    assert set(read_votes(voted_on, "one", "two", again)["Min"]) == {found[1].key, found[2].key}
    assert "2 of 6" not in visitor.get("/vote?a=one&b=two").text  # Min's are not the visitor's
    file = votes_file(voted_on, "one", "two")
    earlier = [{k: v for k, v in json.loads(line).items() if k != "texts"} for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(line) + "\n" for line in earlier))  # as an earlier version kept them
    assert len(read_votes(voted_on, "one", "two", again)["Min"]) == 3


def test_a_tie_is_neither():
    duel = Duel("k", "A: hi", None, "x", "y", True, (1.0, 2.0))
    assert result_of([duel], [{"k": "tie"}]).scored == 0
    assert result_of([duel], [{"k": "b"}]).agreed == 1


@pytest.mark.parametrize(("body", "status"), [(b"\xff", 400), (b"  ", 400), (b"x" * 100_001, 413)])
def test_what_is_no_dialogue_is_refused(body, status):
    with pytest.raises(PageError) as refused:
        checked_dialogue(body)
    assert refused.value.status == status


def test_a_model_that_is_not_there_is_not_tried(visitor, write_studio_run):
    write_studio_run("one")
    assert "no final model yet" in visitor.get("/runs/one/try").text
    assert visitor.post("/runs/one/try/tuned/start", data={"a": ""}).status_code == 422
    assert visitor.post("/runs/one/try/other/start", data={"a": ""}).status_code == 404
    assert visitor.post("/runs/one/ask/tuned", content=b"A: hi").status_code == 409
    assert visitor.post("/runs/one/ask/x", content=b"A: hi").status_code == 409
    assert visitor.post("/runs/one/ask/base", content=b"x" * (2 << 20)).status_code == 413


def test_a_server_of_an_earlier_run_of_the_name_is_not_asked(visitor, place, write_studio_run, monkeypatch):
    """A deleted run's model stays loaded until it is let go; a new run of its name has another model."""
    monkeypatch.setattr("src.web.processes.program", lambda: [sys.executable, "-c", "import time; time.sleep(60)"])
    final = write_studio_run("one") / "final_model"
    final.mkdir()
    os.utime(final, (time.time() - 60, time.time() - 60))
    processes = Processes(place)
    assert visitor.post("/runs/one/try/tuned/start", data={"a": ""}).status_code == 303
    first = processes.latest("one", "serve-tuned")
    try:
        assert 'data-model="tuned" data-state="loading"' in visitor.get("/runs/one/try/states").text
        os.utime(final, (first.began + 0.001, first.began + 0.001))
        assert 'data-model="tuned" data-state="off"' in visitor.get("/runs/one/try/states").text
        assert visitor.post("/runs/one/ask/tuned", content=b"A: hi").status_code == 409
        visitor.post("/runs/one/try/tuned/start", data={"a": ""})
        until(lambda: not processes.is_running(first))
        until(lambda: processes.is_running(processes.latest("one", "serve-tuned")))
    finally:
        processes.stop_all("serve-")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            "train --experiment llama data.train=a.csv data.dialogue_format=turns training.epochs=2 lora.r=4 "
            "dataset.language=en evaluation.generate=true --debug --no-use_qlora",
            "--experiment llama data.dialogue_format=turns dataset.language=en lora.use_qlora=false",
        ),
        ("train --experiment=llama generation.top_k=3 refine.steps=2", "--experiment=llama generation.top_k=3"),
        (
            "search --experiment llama --deadline 1h search.trials=2 training.epochs=2 dataset.language=en",
            "--experiment llama dataset.language=en",
        ),
    ],
)
def test_a_base_model_is_served_with_what_a_server_reads(write_studio_run, command, words):
    """`yoyak serve` refuses the other settings of a run."""
    assert _before_training(write_studio_run("one", command=f"yoyak {command}")) == words.split()


@pytest.mark.slow
def test_a_model_is_loaded_asked_and_let_go(visitor, write_studio_run, tmp_path):
    checkpoint = write_tiny_model(tmp_path / "tiny")
    settings = (
        f"model.checkpoint={checkpoint} model.chat_template=auto training.max_steps=1 data.train=train.csv lora.r=4"
    )
    write_studio_run("one", command=f"yoyak train --experiment smollm2_135m {settings}")
    (tmp_path / "work" / "outputs" / "one" / "final_model").mkdir()
    assert visitor.post("/runs/one/try/base/start", data={"a": ""}).status_code == 303
    try:
        end = time.monotonic() + 120
        while 'data-model="base" data-state="ready"' not in (page := visitor.get("/runs/one/try/states").text):
            assert "failed" not in page, page
            assert time.monotonic() < end, page
            time.sleep(0.5)
        lines = visitor.post("/runs/one/ask/base", content=b"Anna: Go?\nBen: Yes.").text.splitlines()
        assert json.loads(lines[-1])["done"]["tokens"] > 0
    finally:
        visitor.post("/runs/one/try/base/stop", data={"a": ""})
    assert visitor.post("/runs/one/ask/base", content=b"A: hi").status_code in (409, 200)
