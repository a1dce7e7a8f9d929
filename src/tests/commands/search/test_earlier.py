"""What an earlier end of the same search had kept: it stays where it is better, and otherwise it is said why not."""

import json
import shutil
from types import SimpleNamespace

import pytest

from src.commands.search.additions import Winner
from src.commands.search.earlier import what_stands
from src.commands.search.trial import TrialScores
from src.config.loader import load_config
from src.search.folder import SCORES_FILE
from src.tests.commands.search.test_search import SEARCH, learning, record_of  # noqa: F401

LABEL = "average_3_5"


@pytest.fixture
def ended(tmp_path):
    """A search whose trial 3 had won with an average, of 75; now trial 7 has 74 and 72."""

    def write(kinds=("average",), scores=(80.0, 70.0), facts=0.0):
        lines = [{"kind": kind, "label": LABEL, "score": sum(scores) / 2, "kept": True} for kind in kinds]
        (tmp_path / "search.json").write_text(json.dumps({"chosen": 3, "additions": lines}))
        known = {LABEL: {"scores": list(scores), "unsupported_facts": facts}}
        (tmp_path / "additions.json").write_text(json.dumps(known))

    write()
    (tmp_path / "added" / LABEL / "final_model").mkdir(parents=True)
    (tmp_path / "trial_0003").mkdir()
    (tmp_path / "trial_0003" / SCORES_FILE).write_text("{}")
    asked = SimpleNamespace(additions=["average", "beams"], most_unsupported_facts=None)
    search = SimpleNamespace(folder=tmp_path, config=SimpleNamespace(search=asked))
    line = {"kind": "average", "label": "average_7_3", "score": 73.0, "kept": True}
    return search, Winner(7, "average_7_3", tmp_path / "trial_0007", TrialScores([74.0, 72.0], 0.1), [], [line]), write


def test_what_is_better_stays(ended):
    search, winner, _ = ended
    stays, said = what_stands(search, winner)
    assert (stays.trial, stays.label, stays.model) == (3, LABEL, search.folder / "added" / LABEL)
    assert stays.scores == TrialScores([80.0, 70.0], 0.0)
    assert [(line["label"], line["kept"]) for line in stays.additions] == [(LABEL, True), ("average_7_3", False)]
    assert said == {"label": LABEL, "trial": 3, "score": 75.0, "instead": 7, "stands": True}


def test_what_is_not_better_is_said_not_to_count(ended):
    search, winner, write = ended
    write(scores=(72.0, 70.0))
    stays, said = what_stands(search, winner)
    assert stays is winner
    assert said["reason"] == "what stands now scores 73.00"
    assert said["reason_ko"] == "지금 결과는 73.00점입니다"


def test_why_it_does_not_count(ended):
    search, winner, write = ended

    def reason():
        stays, said = what_stands(search, winner)
        assert stays is winner
        assert said["reason_ko"] != said["reason"]
        return said["reason"]

    write(("average", "beams"))  # of 80 and 70 against 74 and 72: 2 is no more than the standard error of 4
    assert reason() == "what stands now scores 73.00"
    write(("average", "refine"))
    assert reason() == "search.additions leaves refine out"
    write(facts=0.5)
    search.config.search.most_unsupported_facts = 0.3
    assert reason() == "it has 0.50 unsupported facts a summary, and 0.3 are allowed"
    search.config.search.most_unsupported_facts = None
    (search.folder / "trial_0003" / SCORES_FILE).unlink()
    assert reason() == "trial_0003 is no longer there"
    (search.folder / "added" / LABEL / "final_model").rmdir()
    assert reason() == f"added/{LABEL} is no longer there"


def test_what_was_said_is_said_again(ended):
    search, winner, _ = ended
    winner.model = search.folder / "added" / LABEL
    assert what_stands(search, winner) == (winner, None)
    (search.folder / "search.json").write_text(json.dumps({"chosen": 7, "additions": [], "earlier": {"label": "x"}}))
    assert what_stands(search, winner) == (winner, {"label": "x"})
    (search.folder / "search.json").write_text("{")
    assert what_stands(search, winner) == (winner, None)


GOES_ON = (
    *SEARCH[:-1],
    "search.pauses=[]",
    "search.additions=[average]",
    "search.space={training.learning_rate: [0.02], training.epochs: [6], lora.r: null, lora.dropout: null, "
    "training.weight_decay: null, training.warmup_ratio: null}",
    "training.learning_rate=1e-5",
)


@pytest.mark.long
def test_more_time_ends_in_no_worse_model(yoyak, learning):  # noqa: F811
    """An average of the config as it is that was as good as can be stays before a trial that has learned more."""
    assert yoyak(*GOES_ON, "search.trials=1").code == 0
    folder = learning / "outputs" / "tiny_lora_search"
    record, line = record_of(folder), {"kind": "average", "label": "average_0_0-2", "kept": True, "score": 99.0}
    line |= {"low": 99.0, "high": 99.0, "seconds": 1.0, "reason": None, "unsupported_facts": 0.0}
    line["gain"] = {"difference": 9.0, "low": 8.0, "high": 10.0}
    record["additions"], known = [line], {line["label"]: line | {"scores": [99.0] * 4}}
    shutil.copytree(folder / "trial_0000" / "final_model", folder / "added" / line["label"] / "final_model")
    (folder / "search.json").write_text(json.dumps(record))
    (folder / "additions.json").write_text(json.dumps(known))
    result = yoyak(*GOES_ON, "search.trials=2")
    assert (result.code, result.err) == (0, "")
    assert f"Before:  {line['label']} of an earlier end is still better than what trial 1 came to\n" in result.out
    record = record_of(folder)
    assert (record["chosen"], record["best"], record["score"], record["earlier"]["stands"]) == (0, 1, 99.0, True)
    assert (folder / "best").resolve() == folder / "added" / line["label"]
    assert "is better than what trial 1 came to" in (folder / "search.html").read_text()
    assert load_config(folder / "best.yaml", []).training.learning_rate == 1e-5
    assert f"# Then: {line['label']}." in (folder / "best.yaml").read_text()
    assert yoyak(*GOES_ON, "search.trials=2").out.count("Before:  ") == 1
    assert (folder / "best" / "final_model").is_dir()
