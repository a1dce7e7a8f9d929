"""Which trials go on, and whose models stay."""

import errno
import json
import os
import shutil
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from src.commands.search import loop
from src.commands.search.additions import Winner, _next_best, add_to_winner
from src.commands.search.conclude import _drop_losers
from src.commands.search.loop import best_first, drop_models, finished_with_models
from src.commands.search.reasons import too_late, with_half
from src.commands.search.seconds import end_seconds, stage_seconds, whole_seconds
from src.commands.search.trial import TrialScores
from src.config.loader import load_config
from src.errors import YoyakError
from src.runs.disk import raise_if_disk_full
from src.search.choice import WinnerChoice
from src.search.costs import Units
from src.search.folder import trial_name
from src.search.pace import Pace
from src.search.space import search_space
from src.search.study import SearchStudy
from src.tests.commands.search.test_search import SEARCH, learning  # noqa: F401

UNITS = Units(steps=10, step=1.0, evaluations=2, evaluation=1.0, prompt=0.1, token=0.01, tokens=20.0)


def test_the_first_trial_is_not_gone_on_with_where_no_time_is_left_for_its_score(yoyak, learning, monkeypatch):  # noqa: F811
    """It would pause after each step for lack of time, and go on again, until long after the deadline."""
    with monkeypatch.context() as patch:

        def killed(*_):
            raise KeyboardInterrupt

        patch.setattr(loop, "run_stage", killed)
        assert yoyak(*SEARCH).code == 130
    folder = learning / "outputs" / "tiny_lora_search"
    seconds, now = 9 * 86400.0, time.time()
    clock = {"spent": seconds - 1, "since": now, "seen": now, "deadline": seconds}
    (folder / "clock.json").write_text(json.dumps(clock))
    result = yoyak(*SEARCH)
    assert result.code == 2
    assert "--deadline: 216.0 h allowed no trial to end; one takes" in result.err
    assert not (folder / trial_name(0)).exists()


@pytest.mark.long
def test_a_trial_that_meets_a_full_disk_goes_on_later(yoyak, learning, monkeypatch):  # noqa: F811
    run_stage = loop.run_stage

    def on_a_full_disk(config, *arguments):
        if config.experiment.name == trial_name(0):
            return run_stage(config, *arguments)
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "x")
        raise_if_disk_full(full, config.experiment.run_dir)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "run_stage", on_a_full_disk)
        result = yoyak(*SEARCH, "search.trials=2")
    assert result.code == 2
    assert result.err.startswith("yoyak: outputs/tiny_lora_search/trial_0001: the disk is full (")
    assert yoyak(*SEARCH, "search.trials=2").code == 0
    record = json.loads((learning / "outputs" / "tiny_lora_search" / "search.json").read_text())
    assert [trial["state"] for trial in record["trials"]] == ["finished"] * 2
    for errors, equal in ((10, 2), (0, 1)):  # an ended search chooses anew by what is asked now
        assert yoyak(*SEARCH, "search.trials=2", f"search.equal_within={errors}").code == 0
        record = json.loads((learning / "outputs" / "tiny_lora_search" / "search.json").read_text())
        assert len(record["equal"]) == equal


def test_what_has_ended_is_the_result_where_the_trials_after_it_fail(yoyak, learning, monkeypatch):  # noqa: F811
    run_stage = loop.run_stage

    def failing(config, *arguments):
        if config.experiment.name == trial_name(0):
            return run_stage(config, *arguments)
        raise YoyakError("it diverged")

    monkeypatch.setattr(loop, "run_stage", failing)
    result = yoyak(*SEARCH, "search.trials=9")
    assert (result.code, result.err) == (2, "yoyak: 3 trials in a row failed, the last one so: it diverged\n")
    folder = learning / "outputs" / "tiny_lora_search"
    record = json.loads((folder / "search.json").read_text())
    assert (record["status"], record["chosen"]) == ("stopped", 0)
    assert (folder / "best" / "final_model").is_dir()


def test_a_storage_on_a_full_disk(yoyak, learning, monkeypatch):  # noqa: F811
    """SQLite as it is with a page more than its file may have."""
    with monkeypatch.context() as patch:
        patch.setattr(SearchStudy, "finish", grown_to_its_limit)
        result = yoyak(*SEARCH, "search.trials=2")
    assert result.code == 2
    assert result.err.startswith(f"yoyak: sqlite:///{learning}/outputs/tiny_lora_search/search.db: can't be used any ")
    assert "database or disk is full); what it holds stays; mend that, and the same command goes on" in result.err
    assert yoyak(*SEARCH, "search.trials=2").code == 0


def grown_to_its_limit(study, number, value):
    with study._study._storage._backend.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        connection.exec_driver_sql("CREATE TABLE more AS SELECT hex(randomblob(100000)) AS noise")


@pytest.fixture
def finished(tmp_path):
    """A search whose trials have ended with these scores and facts that the dialogue does not hold."""
    study = SearchStudy("sqlite://", "found", search_space(load_config("quickstart")), 0)
    for number, (score, facts) in enumerate([(85, 2.0), (90, 2.0), (80, 2.0), (70, 3.0), (60, 0.5)]):
        study.add(study.draw() if number else None, UNITS)
        run = tmp_path / trial_name(number)
        (run / "final_model").mkdir(parents=True)
        scores = {"scores": [score - 1, score + 1], "unsupported_facts": facts}
        (run / "dev_scores.json").write_text(json.dumps(scores))
        study.finish(number, score)
    config = load_config("quickstart", ["search.keep_models=2", "search.additions=[average]"])
    parts = {"folder": tmp_path, "config": config, "study": study, "units": UNITS}
    return SimpleNamespace(**parts, data=SimpleNamespace(dev=[], test=[]), refine_units=lambda: None)


@pytest.mark.parametrize(("most", "kept"), [(None, [0, 1]), (1.0, [0, 1, 4])])
def test_the_best_keep_their_models_and_those_that_keep_to_the_facts_come_first(finished, most, kept):
    finished.config.search.most_unsupported_facts = most
    drop_models(finished)
    there = [number for number in range(5) if (finished.folder / trial_name(number) / "final_model").is_dir()]
    assert there == kept


def test_what_is_added_to_the_winner_has_its_model_yet(finished):
    """The config as it is counts as the others: without it the third best would be named, whose model is gone."""
    finished.config.search.keep_models = 3
    drop_models(finished)
    runs = _next_best(finished, 1)
    assert [run.name for run in runs] == ["trial_0000", "trial_0002"]
    assert all((run / "final_model").is_dir() for run in runs)


@pytest.mark.parametrize("most", [None, 1.0])
def test_a_trial_whose_folder_was_removed_is_none_of_the_best(finished, most):
    finished.config.search.most_unsupported_facts = most
    shutil.rmtree(finished.folder / trial_name(1))
    assert [trial.number for trial in best_first(finished)] == ([0, 2, 3, 4] if most is None else [4, 0, 2, 3])
    (finished.folder / trial_name(0) / "dev_scores.json").unlink()  # a model without its scores
    assert [one.number for one in finished_with_models(finished)] == [2, 3, 4]


@pytest.mark.parametrize("there", [True, False])
def test_an_addition_whose_model_was_dropped_does_not_win(finished, there):
    line = {"kind": "average", "score": 95.0, "scores": [94, 96], "unsupported_facts": 0.0, "reason": None}
    (finished.folder / "additions.json").write_text(json.dumps({"average_1_0": line}))
    if there:
        (finished.folder / "added" / "average_1_0" / "final_model").mkdir(parents=True)
    winner = add_to_winner(finished, 1, stopped=True)
    assert winner.model.name == ("average_1_0" if there else "trial_0001")
    (shown,) = winner.additions
    why = None if there else "added/average_1_0 is no longer there"
    assert (shown["label"], shown["kept"], shown["reason"]) == ("average_1_0", there, why)


def test_a_model_that_somebody_made_of_the_winner_stays(finished):
    """`yoyak refine outputs/NAME_search/best` writes beside what it goes on from."""
    (finished.folder / "additions.json").write_text(json.dumps({"refined_1": {}, "average_1_0": {}}))
    models = {name: finished.folder / "added" / name for name in ("refined_1", "average_1_0", "refined_1_refined")}
    for model in models.values():
        (model / "final_model").mkdir(parents=True)
    winner = Winner(1, "refined_1", models["refined_1"], TrialScores([90.0]))
    _drop_losers(finished, WinnerChoice(best=1, equal=[1], chosen=1, gain=None), winner)
    there = [name for name, model in models.items() if (model / "final_model").is_dir()]
    assert there == ["refined_1", "refined_1_refined"]


def test_the_end_may_be_that_of_the_trial_whose_summaries_take_longest(finished):
    """By `search.space` one may draw five summaries of each dialogue, of which 50 are set aside."""
    finished.data.test, finished.settings = [None] * 50, finished.config.search
    drawing = replace(UNITS, tokens=100.0)  # a summary: 1.1 seconds in place of 0.3
    assert end_seconds(finished) == pytest.approx(1 + 2 * (4 + 15))
    of_its_own = 1.05 * stage_seconds(finished, Pace(), drawing, until=2)
    assert whole_seconds(finished, drawing) == pytest.approx(of_its_own + 1.05 * 40)
    finished.study.add(finished.study.draw(), drawing)
    assert end_seconds(finished) == pytest.approx(1 + 2 * (4 + 15))
    finished.study.finish(5, 50)
    assert end_seconds(finished) == pytest.approx(1 + 2 * 4 + 15 + 55)
    assert whole_seconds(finished, drawing) == pytest.approx(of_its_own)


def test_reasons_are_in_both_languages():
    late = too_late(540, 180)
    assert (late, late.ko) == ("would take 9 min, and 3 min were left", "9분 걸리는데 3분 남아 있었습니다")
    assert type(with_half("no such sentence")) is str


@pytest.mark.long
def test_what_has_run_or_can_not_be_trained_is_not_begun(yoyak, learning):  # noqa: F811
    """Of four places one is that of the config as it is, and odd ranks can't be had: one trial is left."""
    others = "lora.dropout: null, training.weight_decay: null, training.warmup_ratio: null, training.epochs: null"
    space = f"search.space={{lora.r: [2, 3], training.learning_rate: [0.01, 0.02], {others}}}"
    own = ("lora.init=orthogonal", "lora.r=2", "training.learning_rate=0.01", "search.trials=6")
    result = yoyak(*SEARCH[:-1], space, *own, "search.pauses=[]")
    assert (result.code, result.err) == (0, "")
    trials = json.loads((learning / "outputs" / "tiny_lora_search" / "search.json").read_text())["trials"]
    begun = [trial["settings"] for trial in trials if trial["state"] == "finished"]
    assert begun == [{"lora.r": 2, "training.learning_rate": rate} for rate in (0.01, 0.02)]
    reasons = {trial["reason"] for trial in trials if trial["state"] == "refused"}
    same = {
        f"has the same settings as trial {place}"
        for place, _ in enumerate(trials)
        if trials[place]["state"] != "refused"
    }
    assert reasons == {"lora.init = orthogonal needs an even lora.r, not 3", *same}
