"""Of which dialogues a trial's evaluation loss is, in a new search and in one that an older version began."""

import json
import sqlite3

import pytest

from src.commands.search import loop
from src.search.costs import Machine
from src.search.folder import trial_name
from src.tests.commands.conftest import write_csv
from src.tests.commands.search.test_search import SEARCH, learning, record_of  # noqa: F401

TURNS = [f"A: Is it {number}?\nB: {'No. ' * (1 + number % 3)}" for number in range(20)]
SUMMARIES = [f"They ask for {number}." for number in range(20)]
MEASURED = [0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13, 15, 16, 17, 18]  # 16 of 20, evenly spread


@pytest.fixture
def many(learning):  # noqa: F811
    """Four dialogues to train on and 20 to choose on, whose loss takes longer than the training."""
    write_csv(learning / "dev.csv", TURNS, SUMMARIES)
    return learning


def figures(run):
    return json.loads((run / "run.json").read_text())


def test_the_loss_is_of_some_and_the_score_of_all(yoyak, many):
    assert yoyak(*SEARCH, "search.trials=1").code == 0
    trial = many / "outputs" / "tiny_lora_search" / trial_name(0)
    write_csv(many / "some.csv", [TURNS[n] for n in MEASURED], [SUMMARIES[n] for n in MEASURED])
    losses = {}
    for name in ("some", "dev"):
        trained = yoyak("train", "-e", "tiny.yaml", f"data.eval={name}.csv", f"experiment.name={name}")
        assert trained.code == 0
        losses[name] = figures(many / "outputs" / name)["train"]["eval_loss"]
    found = figures(trial)
    assert found["train"]["eval_loss"] == losses["some"] != losses["dev"]
    assert found["scores"]["fine_tuned"]["n"] == 20
    assert len(json.loads((trial / "dev_scores.json").read_text())["scores"]) == 20
    log = (trial / "train.log").read_text(encoding="utf-8")
    assert "Evaluation loss: of 16 of the 20 evaluation dialogues, evenly spread" in log


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.long
def test_a_search_goes_on_with_the_dialogues_that_it_began_with(yoyak, many, monkeypatch, older):
    """Older versions took all, and decided nothing: the checkpoints of their paused trials are of all."""
    run_stage = loop.run_stage

    def killed_after_pauses(config, search, steps, until, *rest):
        if until is None and config.experiment.name != trial_name(0):
            raise KeyboardInterrupt
        return run_stage(config, search, steps, until, *rest)

    keep_pauses = "search.pauses_share=1000"
    with monkeypatch.context() as patch:
        patch.setattr(loop, "run_stage", killed_after_pauses)
        if older:
            patch.setattr(Machine, "loss_dialogues", lambda self, *_: None)
        assert yoyak(*SEARCH, keep_pauses).code == 130
    folder = many / "outputs" / "tiny_lora_search"
    before = record_of(folder)["trials"]
    assert [(trial["state"], list(trial["measured"])) for trial in before[1:]] == [("begun", ["0"])] * 2
    storage = sqlite3.connect(folder / "search.db")
    if older:
        with storage:
            assert storage.execute("DELETE FROM study_user_attributes WHERE key = 'losses'").rowcount == 1
    storage.close()
    result = yoyak(*SEARCH, keep_pauses, "search.trials=4")
    assert (result.code, result.err) == (0, "")
    after = record_of(folder)["trials"]
    assert [trial["state"] for trial in after] == ["finished"] * 4
    assert [trial["measured"] for trial in after[:3]] == [trial["measured"] for trial in before]
    logs = [(folder / trial_name(number) / "train.log").read_text(encoding="utf-8") for number in range(4)]
    assert ["Evaluation loss: of 16 of the 20" in log for log in logs] == [not older] * 4
