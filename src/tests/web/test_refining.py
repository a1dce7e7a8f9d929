"""Refining from the studio: the form, the plan, the command, and which run was made of which."""

import json
import re

import pytest

from src.bilingual import korean
from src.config.loader import load_config
from src.config.refine import RefineSettings
from src.runs.lock import run_lock
from src.runs.schema import RunRecord
from src.web.processes import Processes
from src.web.refine_fields import REFINE_WORDS
from src.web.refinings import refined_from, refinings_of
from src.web.run_page import steps_of
from src.web.served import Served
from src.web.studio import Studio

FORM = {"content-type": "application/x-www-form-urlencoded"}


def refined_record(adapter: str, steps: int = 12) -> dict:
    config = {"lora": {"adapter": adapter}, "refine": {"steps": steps}, "model": {"checkpoint": "bundled:smollm2-135m"}}
    return {"command": f"yoyak refine {adapter}", "config": config}


def test_the_form_has_every_setting_with_the_run_s_own_values(visitor, finished):
    page = visitor.get("/runs/one/refine").text
    for key in RefineSettings.model_fields:
        assert f'name="refine.{key}"' in page
    assert 'name="refine.dialogues" value="16"' in page
    assert set(REFINE_WORDS) == {f"refine.{key}" for key in RefineSettings.model_fields}
    assert all(re.search("[가-힣]", korean(text)) for pair in REFINE_WORDS.values() for text in pair)


def test_the_plan_is_the_command_s_and_what_differs_becomes_an_override(visitor, finished):
    shown = visitor.get("/runs/one/refine/plan?refine.minutes=5&refine.dialogues=16&gpu=RTX 4090").text
    assert "<code>yoyak refine outputs/one refine.minutes=5</code>" in shown
    assert "Fits: " in shown
    assert "on RTX 4090" in shown
    assert "맞습니다" not in shown


def test_a_name_that_is_taken_gets_a_number(visitor, finished, write_studio_run):
    write_studio_run("one_refined", **refined_record("outputs/one/final_model"))
    shown = visitor.get("/runs/one/refine/plan").text
    assert "yoyak refine outputs/one experiment.name=one_refined_2" in shown


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("refine.samples=1", "refine.samples"),
        ("refine.samples=x", "refine.samples"),
        ("gpu=nothing", "--gpu nothing: no such card here"),
        ("lora.r=8", "lora.r can&#39;t be set here"),
        ("refine.steps=" + "9" * 5000, "longer than 4,000 characters"),
    ],
)
def test_what_the_command_would_refuse_is_refused(visitor, finished, query, said):
    shown = visitor.get(f"/runs/one/refine/plan?{query}").text
    assert said in shown
    assert "Fits" not in shown
    if not query.startswith("gpu"):  # a plan's card stops no start
        posted = visitor.post("/runs/one/refine", content=query, headers=FORM)
        assert (posted.status_code, said in posted.text) == (422, True)


def test_a_run_without_a_model_can_not_be_refined(visitor, write_studio_run):
    write_studio_run("two")
    assert "This run has no final model yet." in visitor.get("/runs/two/refine").text
    assert visitor.get("/runs/none/refine").status_code == 404


def test_it_starts_in_a_process_of_its_own(visitor, finished, place):
    answer = visitor.post("/runs/one/refine", content="refine.steps=3", headers=FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/one_refined")
    processes = Processes(place)
    started = processes.latest("one_refined", "train")
    assert started.command == ["yoyak", "refine", "outputs/one", "refine.steps=3"]
    assert "yoyak refine outputs/one refine.steps=3" in visitor.get("/runs/one_refined").text
    processes.stop(started)


def test_it_does_not_begin_beside_another_run(visitor, finished, write_studio_run):
    with run_lock(write_studio_run("other", status="running", ended=None)):
        answer = visitor.post("/runs/one/refine", content="refine.steps=3", headers=FORM)
    assert answer.status_code == 422
    assert "other is under way, and whether both fit can&#39;t be planned: this run waits." in answer.text


def test_the_model_before_it_is_the_one_that_it_began_with(place, write_studio_run):
    """And before a trial of a search it is the config's."""
    write_studio_run("one_refined", **refined_record("outputs/one/final_model"))
    write_studio_run(
        "x_search/trial_0001", command="yoyak search -e quickstart --deadline 3h tokenizer.encoder_max_len=700 lora.r=8"
    )
    served = Served(Studio(place), "token")
    for name, words in (
        ("one_refined", ["--adapter", "outputs/one/final_model"]),
        ("x_search~trial_0001", ["--experiment", "quickstart", "tokenizer.encoder_max_len=700"]),
    ):
        started = served.start(name, "base")
        assert started.command[:-3] == ["yoyak", "serve", *words]
        Processes(place).stop(started)


def test_parent_and_refining_name_each_other(visitor, place, write_studio_run):
    write_studio_run("one")
    write_studio_run("one_refined", status="interrupted", **refined_record("/elsewhere/outputs/one/final_model"))
    write_studio_run("one_refined_not", **refined_record("outputs/other/final_model"))
    assert refinings_of(place, "one") == ["one_refined"]
    parent, child = visitor.get("/runs/one").text, visitor.get("/runs/one_refined").text
    assert 'Refined by reward: <a href="/runs/one_refined" translate="no">one_refined</a>, interrupted' in parent
    assert 'Refined by reward from <a href="/runs/one" translate="no">one</a>' in child
    assert "one_refined_not" not in parent


def test_what_is_no_refining_comes_from_nowhere(place, write_studio_run):
    write_studio_run("one")
    adapted = {"lora": {"adapter": "outputs/one/final_model"}}
    assert refined_from(place, RunRecord(command="yoyak train -e x", config=adapted)) is None
    assert refined_from(place, RunRecord(command="yoyak refine 'outputs/one", config=adapted)) is None
    assert refined_from(place, RunRecord(command="yoyak refine outputs/one", config=adapted)) == "one"


def test_its_steps_are_the_refining_s():
    config = load_config("quickstart", ["refine.steps=12"]).model_dump(mode="json")
    assert steps_of(RunRecord(command="cli.py refine outputs/one", config=config)) == 12


def test_its_charts_have_every_figure_and_the_report_s_curves_are_not_doubled(visitor, write_studio_run):
    figures = ["reward", "score", "facts_kept", "facts_unsupported", "words", "ended", "copied", "repeated"]
    evaluation, drawn_ones = dict.fromkeys([f"eval_{name}" for name in figures], 0.5), dict.fromkeys(figures, 0.5)
    lines = [{"step": 0} | evaluation, {"step": 1, "entropy": 1.0} | drawn_ones]
    write_studio_run("r", metrics=lines, **refined_record("outputs/one/final_model"))
    page = visitor.get("/runs/r").text
    charts = json.loads(re.search("data-charts='(.*?)'", page)[1].replace("&#39;", "'"))
    drawn = [name for chart in charts for name, _ in chart["series"]]
    for name in figures:
        assert {name, f"eval_{name}"} <= set(drawn)
    assert {"entropy", "distance", "gpu_celsius", "gpu_memory_bytes", "resident_bytes"} <= set(drawn)
    assert next(chart["factor"] for chart in charts if chart["series"][0][0] == "copied") == 100
    assert 'id="refine-words"' not in visitor.get("/runs/r/content").text
    assert "refine-words" in visitor.get("/runs/r/report").text
