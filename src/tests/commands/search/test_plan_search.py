"""`yoyak plan --search`."""

import json

import pytest

from src.search.pace import Pace
from src.tests.commands.conftest import write_csv


def planned(yoyak, deadline, *arguments):
    asked = ("-e", "llama_3.2_3b_tuned", "--gpu", "H100", "--lengths", "300,600,900", "--search", deadline)
    result = yoyak("plan", *asked, *arguments)
    assert (result.code, result.err) == (0, "")
    return result.out


def test_more_hours_more_trials(yoyak, folder):
    found = [
        json.loads(planned(yoyak, deadline, "data.max_train_examples=1000", "--json")) for deadline in ("1h", "4h")
    ]
    assert 1 < found[0]["trials"] < found[1]["trials"]
    assert found[0]["drawn_seconds"] == found[1]["drawn_seconds"] > 0
    # A trial more for each mean cost of a drawn one that pauses: at most what it takes to its end.
    assert found[1]["trials"] - found[0]["trials"] >= (4 - 1) * 3600 // found[0]["drawn_seconds"]
    said = planned(yoyak, "1h", "data.max_train_examples=1000")
    assert said.startswith(
        f"About {found[0]['trials']} trials of Bllossom/llama-3.2-Korean-Bllossom-3B in 60 min on H100, "
    )


@pytest.mark.long
def test_no_more_trials_than_are_wanted(yoyak, folder):
    def trials(most):
        found = json.loads(planned(yoyak, "9d", "data.max_train_examples=1000", f"search.trials={most}", "--json"))
        return found["trials"], found["to_the_end"]

    whole, ended = trials("null")
    assert (whole > 4, ended > 1) == (True, True)
    assert trials(4) == (4, 1)  # of three that are drawn each pause stops two
    assert trials(1) == (1, 1)


@pytest.mark.parametrize("other", [["--refine"], ["--compare"], ["--cards", "2"], ["--hosts", "2"]])
def test_what_does_not_go_with_it(yoyak, folder, other):
    result = yoyak("plan", "-e", "llama_3.2_3b_tuned", "--gpu", "H100", "--search", "3h", *other)
    line = "yoyak: --search: trials of one card are planned; leave out --compare, --refine, --cards and --hosts\n"
    assert (result.code, result.out, result.err) == (2, "", line)


def test_what_is_not_tried_is_said(yoyak, tiny):
    settings = ("search.additions=[mbr]", "search.keep_models=1", "--memory-gb", "8", "--lengths", "30,60,90")
    said = yoyak("plan", "-e", "tiny.yaml", "--search", "1h", *settings, "search.pauses=[]", "search.keep_one_in=2")
    why = "it takes three models to choose among; set search.keep_models=3 or more"
    unread = "search.keep_one_in is without effect: search.pauses is empty"
    assert (said.code, said.out.splitlines()[-2:]) == (0, [unread, f"Untried: mbr: {why}"])


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ([], "dev.csv: one dialogue can't be divided into those to choose on and those to report on; "),
        (["data.test=dev.csv"], "dev.csv: all of its dialogues are in data.eval too"),
        (["data.test=train.csv", "evaluation.tokenization=morpheme"], "dev.csv: search.objective can't be counted by "),
    ],
)
def test_evaluation_data_that_a_search_refuses(yoyak, tiny, settings, line):
    write_csv(tiny / "dev.csv", ["A: Shall we go?\nB: Yes."], ["They go."])
    planned = yoyak("plan", "-e", "tiny.yaml", "--memory-gb", "8", "--search", "1h", *settings)
    assert (planned.code, planned.out, planned.err.startswith(f"yoyak: {line}")) == (2, "", True), planned.err
    assert yoyak("search", "-e", "tiny.yaml", "--deadline", "1h", *settings).err == planned.err


def test_the_score_at_the_end_is_of_the_dialogues_of_data_test(yoyak, folder):
    """Ten of them take five times as long as two; those that `data.eval` has too are left out, as in the search."""
    dialogues = [f"A: Shall we meet at {hour}?\nB: Yes." for hour in range(10)]
    write_csv(folder / "dev.csv", dialogues[:4], ["They meet."] * 4)
    write_csv(folder / "two.csv", dialogues[2:6], ["They meet."] * 4)
    write_csv(folder / "ten.csv", [f"C: Hi.\n{dialogue}" for dialogue in dialogues], ["They meet."] * 10)
    settings = ("data.train=ten.csv", "data.eval=dev.csv", "evaluation.tokenization=word", "--gpu", "T4", "--json")

    def end_seconds(setting):
        result = yoyak("plan", "-e", "llama_3.2_3b_tuned", "--search", "9d", *settings, setting)
        assert result.code == 0, result.err
        return json.loads(result.out)["end_seconds"] - 1.0 - 2 * Pace().begin

    two = end_seconds("data.test=two.csv")
    assert two > 0.1
    assert end_seconds("data.test=ten.csv") == pytest.approx(5 * two, rel=0.01)


def test_too_few_hours(yoyak, folder):
    assert "allow no trial of Bllossom/llama-3.2-Korean-Bllossom-3B on H100; the least is " in planned(yoyak, "1m")


@pytest.mark.long
def test_a_card_that_is_too_small_for_some(yoyak, folder):
    said = yoyak("plan", "-e", "llama_3.2_3b_tuned", "--memory-gb", "3", "--lengths", "300,600,900", "--search", "9d")
    assert "100% of what is drawn would not fit into memory" in said.out or "allow no trial" in said.out
