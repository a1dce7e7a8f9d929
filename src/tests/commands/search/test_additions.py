"""What is added to the winner of a search: averages, refining, a choice among several models' summaries."""

import json
import os
from types import SimpleNamespace

import pytest
import yaml

from src.commands.search import additions
from src.commands.search.additions import Tries, Winner, chosen_among
from src.commands.search.beams import name_after_folder, with_beams
from src.commands.search.measured import TrialSummaries, dev_summaries
from src.commands.search.trial import TrialScores
from src.config.loader import load_config
from src.errors import YoyakError
from src.search.held import AdditionCosts, never_tried
from src.tests.commands.search.test_search import SEARCH, learning, record_of  # noqa: F401

REFINE = ("refine.steps=2", "refine.dialogues=2", "refine.samples=2", "refine.eval_steps=1")


def test_an_average_is_no_run_of_its_first_part(tmp_path):
    model = tmp_path / "added" / "average_0_1" / "final_model"
    model.mkdir(parents=True)
    config = load_config("quickstart", ["experiment.name=trial_0000"])
    (model / "yoyak.yaml").write_text(yaml.safe_dump(config.model_dump()), encoding="utf-8")
    name_after_folder(model)
    saved = load_config(model / "yoyak.yaml", [])
    assert (saved.experiment.name, saved.experiment.run_dir) == ("average_0_1", model.parent)


ADDED = (*SEARCH, "search.trials=4", "search.additions=[average, refine, beams, mbr]", *REFINE)


@pytest.mark.long
def test_each_addition_is_measured_and_what_gains_stays(yoyak, learning):  # noqa: F811
    result = yoyak(*ADDED)
    assert (result.code, result.err) == (0, "")
    folder = learning / "outputs" / "tiny_lora_search"
    record = record_of(folder)
    kinds = [line["kind"] for line in record["additions"]]
    assert kinds[-3:] == ["refine", "beams", "mbr"]
    assert set(kinds[:-3]) == {"average"}
    trials, chosen = record["trials"], record["chosen"]
    score = trials[chosen]["score"]
    for line in record["additions"]:
        assert line["seconds"] > 0
        assert line["gain"]["difference"] == pytest.approx(line["score"] - score)
        if line["kind"] in ("average", "refine"):
            assert line["kept"] == (line["score"] > score)
        if line["kind"] != "mbr":
            score = line["score"] if line["kept"] else score
    assert record["score"] == pytest.approx(score)
    # What stands in the end is a usable run, and all other weights are gone.
    best = (folder / "best").resolve()
    assert str(best).endswith(record["run"])
    assert yoyak("summarize", "A: hi", "--adapter", folder / "best" / "final_model").code == 0
    assert yoyak("evaluate", "--adapter", folder / "best" / "final_model").code == 0
    assert (best / "evaluation" / "dev.jsonl").is_file()  # and not in the folder of the trial that it began with
    needed = {best, *((folder.parent.parent / model).resolve() for model in record["together"])}
    for added in (folder / "added").glob("*/final_model"):
        assert added.parent.resolve() in needed
    # Nothing is made twice, and what was found is found again.
    before = (folder / "additions.json").read_text()
    again = yoyak(*ADDED, "--json")
    assert json.loads(again.out)["additions"] == record["additions"]
    assert json.loads(again.out)["test"] == record["test"]
    assert (folder / "additions.json").read_text() == before


class Left:
    """A clock with so many seconds left."""

    def __init__(self, seconds):
        self.left = seconds


@pytest.fixture
def tries(tmp_path, monkeypatch):
    monkeypatch.setattr(additions, "end_seconds", lambda search: 20.0)
    settings = SimpleNamespace(search=SimpleNamespace(most_unsupported_facts=0.5))
    search = SimpleNamespace(folder=tmp_path, clock=Left(100.0), config=settings)
    return Tries(search, Winner(3, "3", tmp_path, TrialScores([50.0, 60.0], 0.25)), stopped=False)


def made(*scores, facts=0.0):
    return lambda: TrialScores(list(scores), facts)


def test_what_is_better_stays(tries):
    assert tries.tried("average", "a", 10, made(51.0, 60.0), []) == TrialScores([51.0, 60.0], 0.0)
    assert tries.tried("average", "b", 10, made(50.0, 60.0), []) is None
    assert [line["kept"] for line in tries.winner.additions] == [True, False]
    assert [line["gain"]["difference"] for line in tries.winner.additions] == [0.5, 0.0]


@pytest.mark.parametrize("kind", ["beams", "mbr"])
def test_what_costs_more_at_each_use_must_stand_out(tries, kind):
    """Gains of 2 and 0: their mean of 1 is no more than the standard error, 1. Of 2 and 1: 1.5 and 0.5."""
    assert tries.tried(kind, "a", 10, made(52.0, 60.0), []) is None
    assert tries.tried(kind, "b", 10, made(52.0, 61.0), []) is not None


@pytest.mark.parametrize("links", [True, False])
def test_beams_are_a_setting_of_the_same_model(tmp_path, monkeypatch, links):
    def refuses(*paths):
        raise OSError(1, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refuses)
    start, settings = tmp_path / "start", yaml.safe_dump(load_config("quickstart", []).model_dump())
    start.mkdir()
    (start / "adapter_model.safetensors").write_bytes(b"weights")
    (start / "yoyak.yaml").write_text(settings)
    with_beams(start, tmp_path / "to")
    saved = load_config(tmp_path / "to" / "yoyak.yaml", [])
    assert saved.generation.num_beams == 4
    assert saved.experiment.run_dir == tmp_path
    assert (tmp_path / "to" / "adapter_model.safetensors").read_bytes() == b"weights"
    assert (start / "yoyak.yaml").read_text() == settings
    assert (start / "adapter_model.safetensors").stat().st_nlink == 1 + links


def test_among_several_models_a_summary_that_was_cut_comes_last(tmp_path):
    """What the trials wrote; the other rows are of a version that kept no ends."""
    models = [tmp_path / name for name in ("one", "two", "three")]
    for model, text, ended in zip(models, ("A b.", "c d e", "c d e"), (True, False, False), strict=True):
        model.mkdir()
        rows = [{"fine_tuned": text, "ended": ended}, {"fine_tuned": text}]
        (model / "predictions.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    search = SimpleNamespace(config=load_config("quickstart", []))
    written = [dev_summaries(search, model) for model in models]
    assert written[1] == TrialSummaries(["c d e", "c d e"], [False, True])
    assert chosen_among(search, written) == ["A b.", "c d e"]


@pytest.mark.parametrize(
    ("settings", "untried"),
    [
        ([], []),
        (["search.keep_models=1"], ["mbr"]),
        (["search.keep_models=1", "lora.use_lora=false"], ["average", "mbr"]),
        (["search.trials=2", "lora.use_lora=false"], []),  # what the winner was before is one more model
        (["search.keep_models=2", "search.additions=[mbr]"], ["mbr"]),
        (["search.trials=1", "search.additions=[beams]"], []),
        (["generation.num_beams=2"], ["beams"]),
        (["generation.do_sample=true", "search.space={generation.do_sample: [true, false]}"], []),
    ],
)
def test_additions_of_which_settings_leave_nothing_to_try(settings, untried):
    assert list(never_tried(load_config("smollm2_135m", settings))) == untried


@pytest.mark.long
def test_what_is_not_tried_is_said(yoyak, learning):  # noqa: F811
    how = ("search.trials=1", "search.additions=[average, beams, mbr]", "generation.num_beams=2")
    result = yoyak(*SEARCH, *how, "training.metric_for_best_model=rouge_sum")
    assert (result.code, result.err) == (0, "")
    lines = record_of(learning / "outputs" / "tiny_lora_search")["additions"]
    assert [line["kind"] for line in lines] == ["average", "beams", "mbr"]
    assert "Untried: mbr: it takes three models to choose among; set search.trials=3 or more\n" in result.out
    assert "Untried: beams: the winner has beams, samples or MBR of its own\n" in result.out
    for line in lines:
        assert line["score"] is not None or line["reason_ko"]


def test_facts_are_a_constraint(tries):
    assert tries.tried("refine", "a", 10, made(70.0, 70.0, facts=0.75), []) is None
    assert tries.tried("refine", "b", 10, made(70.0, 70.0, facts=0.5), []) is not None


def test_what_would_end_too_late_is_not_begun(tries):
    def never():
        raise AssertionError

    assert tries.tried("refine", "a", 81, never, []) is None
    assert tries.winner.additions[0]["reason"] == "would take 81 s, and 80 s were left"
    tries.search.clock.left = 102.0  # the same command with a longer deadline
    assert tries.tried("refine", "a", 81, made(70.0, 70.0), []) is not None


def test_what_comes_before_beams_leaves_their_time(tries):
    def never():
        raise AssertionError

    assert tries.tried("average", "a", 51, never, [], for_beams=30) is None
    assert tries.winner.additions[0]["reason"] == "would take 51 s, and 50 s were left besides 30 s for beams"
    assert tries.winner.additions[0]["reason_ko"] == "51초 걸리는데, 빔 탐색에 쓸 30초를 빼면 50초 남아 있었습니다"
    assert tries.tried("average", "b", 50, made(70.0, 70.0), [], for_beams=30) is not None
    assert tries.tried("average", "c", 81, never, [], for_beams=0) is None
    assert tries.winner.additions[2]["reason"] == "would take 81 s, and 80 s were left"


OWN = "lora.r: null, lora.dropout: null, training.weight_decay: null, training.warmup_ratio: null"


@pytest.mark.parametrize("setting", ["generation.mbr_samples: [2]", "generation.num_beams: [8]"])
@pytest.mark.long
def test_beams_are_not_tried_on_a_winner_that_has_a_way_of_its_own(yoyak, learning, setting):  # noqa: F811
    """Which `search.space` gave it: the config as it is, which has learnt nothing, is greedy."""
    space = f"search.space={{{setting}, training.learning_rate: [0.02], training.epochs: [6], {OWN}}}"
    config = ("search.trials=2", "search.pauses=[]", "training.learning_rate=1e-5", "search.additions=[average, beams]")
    result = yoyak(*SEARCH[:-1], space, *config)
    assert (result.code, result.err) == (0, "")
    folder = learning / "outputs" / "tiny_lora_search"
    record = record_of(folder)
    reasons = {line["kind"]: line["reason"] for line in record["additions"]}
    assert (record["chosen"], reasons.keys()) == (1, {"average", "beams"})
    assert reasons["beams"] == "the winner has beams, samples or MBR of its own"
    name, (value,) = setting.split(": ")[0], json.loads(setting.split(": ")[1])
    found = load_config(folder / "best" / "final_model" / "yoyak.yaml", []), load_config(folder / "best.yaml", [])
    assert [getattr(one.generation, name.partition(".")[2]) for one in found] == [value, value]


@pytest.mark.parametrize("beams", [True, False])
@pytest.mark.long
def test_beams_are_tried_before_a_third_model_is_averaged_in(yoyak, learning, monkeypatch, beams):  # noqa: F811
    """With beams that take nine days there is time for the first average only, as for all where no beams are wanted."""
    monkeypatch.setattr(AdditionCosts, "beams", lambda self: 9 * 86400.0)
    wanted = "[average, refine, beams]" if beams else "[average]"
    assert yoyak(*SEARCH, f"search.additions={wanted}", *REFINE).code == 0
    tried = record_of(learning / "outputs" / "tiny_lora_search")["additions"]
    averages = [line for line in tried if line["kind"] == "average"]
    assert len(averages) >= 2
    assert averages[0]["score"] is not None
    assert [line["score"] is None for line in averages[1:]] == [beams] * (len(averages) - 1)
    assert [line["kind"] for line in tried[len(averages) :]] == (["refine", "beams"] if beams else [])
    for line in tried[1:] if beams else []:
        besides = "" if line["kind"] == "beams" else " besides 216.0 h for beams"
        assert line["reason"].startswith("would take ")
        assert line["reason"].endswith(f" were left{besides}")


@pytest.mark.long
def test_a_refining_leaves_the_time_for_beams(yoyak, learning, monkeypatch):  # noqa: F811
    """Of nine days beams take eight."""
    monkeypatch.setattr(AdditionCosts, "beams", lambda self: 8 * 86400.0)
    assert yoyak(*SEARCH, "search.trials=1", "search.additions=[refine, beams]", *REFINE).code == 0
    (written,) = (learning / "outputs" / "tiny_lora_search" / "added").glob("*_refine_minutes.json")
    assert 0 < json.loads(written.read_text()) <= 24 * 60


def test_a_reason_is_kept_where_it_can_not_be_made(tries):
    def fails():
        raise YoyakError("no such thing")

    assert tries.tried("average", "a", 1, fails, []) is None
    assert tries.winner.additions[0]["reason"] == "no such thing"


def test_what_is_known_is_not_made_again(tries):
    tries.tried("average", "a", 10, made(51.0, 60.0), [])
    again = Tries(tries.search, Winner(3, "3", tries.search.folder, TrialScores([50.0, 60.0])), stopped=True)
    assert again.tried("average", "a", 10, made(0.0, 0.0), [tries.search.folder / "gone"]) is not None
    assert again.tried("average", "b", 10, made(99.0, 99.0), []) is None  # stopped: nothing new
    assert len(again.winner.additions) == 1
    assert os.listdir(tries.search.folder) == ["additions.json"]


def test_models_that_are_gone(tries, tmp_path):
    assert tries.tried("average", "a", 10, made(99.0, 99.0), [tmp_path / "gone"]) is None
    assert [(line["reason"], line["kept"]) for line in tries.winner.additions] == [("gone is no longer there", False)]
    assert not (tmp_path / "additions.json").exists()
