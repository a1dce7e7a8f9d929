"""Scores of groups of dialogues, and of single ones, by hand."""

from typing import Any

import pytest

from src.reports.breakdown import breakdown, groups_by_length, groups_by_topic
from src.reports.dialogue_scores import DialogueScores, dialogue_scores
from src.runs.json_lines import Prediction
from src.runs.read import Run
from src.runs.schema import RunRecord
from src.tests.reports.page import Page


def rows_of(*lengths: int, topics: str = "") -> list[Prediction]:
    return [
        Prediction(fname=f"d{place}", dialogue="word " * length, summary="a b", topic=topics[place : place + 1] or None)
        for place, length in enumerate(lengths)
    ]


def test_thirds_go_from_short_to_long_dialogues() -> None:
    scored = DialogueScores(rows_of(9, 1, 8, 2, 7, 3, 6, 4, 5), None, None)
    assert groups_by_length(scored) == [("1 to 3", [1, 3, 5]), ("4 to 6", [7, 8, 6]), ("7 to 9", [4, 2, 0])]
    assert groups_by_length(DialogueScores(rows_of(*range(8)), None, None)) == []  # too few
    assert groups_by_length(DialogueScores(rows_of(*[4] * 9), None, None)) == []  # all alike


def test_topics_of_two_or_more_the_most_frequent_first() -> None:
    scored = DialogueScores(rows_of(*[1] * 8, topics="abbcccd"), None, None)  # the last one has none
    assert groups_by_topic(scored) == [
        ('<span translate="no">c</span>', [3, 4, 5]),
        ('<span translate="no">b</span>', [1, 2]),
        ("all others", [0, 6, 7]),
    ]
    assert groups_by_topic(DialogueScores(rows_of(1, 1, topics="ab"), None, None)) == []


def test_groups_have_their_own_means_intervals_and_change() -> None:
    rows = rows_of(*[1] * 7, topics="aaaaabb")
    scored = DialogueScores(
        rows, (10.0, 10.0, 10.0, 10.0, 10.0, 40.0, 60.0), (30.0, 30.0, 30.0, 30.0, 30.0, 20.0, 10.0)
    )
    page = Page(breakdown(scored))
    assert page.texts("caption") == ["ROUGE sum by topic"]
    assert page.texts("tr") == [
        "TopicDialoguesBeforeAfterChange",
        "a510.010.0 to 10.030.030.0 to 30.0+20.0",
        "b250.015.0\N{MINUS SIGN}35.0",
    ]
    after = Page(breakdown(DialogueScores(rows, None, scored.after)))
    assert after.texts("tr")[2] == "b215.0"
    assert breakdown(DialogueScores(rows_of(1, 1), None, (1.0, 2.0))) == ""


def run_of(score: dict[str, Any], *rows: dict[str, Any]) -> Run:
    record = RunRecord.model_validate({"scores": {"fine_tuned": score}})
    return Run(record, [], [Prediction.model_validate(row) for row in rows], [])


ROW = {"summary": "the runner runs", "zero_shot": "x", "fine_tuned": "the run"}


def test_single_dialogues_are_scored_as_the_run_was() -> None:
    # the of 2 and 3 words, no bigram; under the stemmer run, twice in the reference, counts too
    words = dialogue_scores(run_of({"tokenization": "word", "stemmer": False}, ROW))
    assert words.before == (0,)
    assert words.after == pytest.approx((40 + 0 + 40,))
    assert words.last == words.after
    stemmed = dialogue_scores(run_of({"tokenization": "word", "stemmer": True}, ROW))
    assert stemmed.after == pytest.approx((80 + 0 + 80,))
    letters = dialogue_scores(run_of({"tokenization": "char"}, ROW | {"summary": "abc", "fine_tuned": "abd"}))
    assert letters.after == pytest.approx((200 / 3 + 50 + 200 / 3,))


def test_a_stage_that_lacks_a_summary_has_no_scores() -> None:
    lacking = {**ROW, "fine_tuned": None}
    found = dialogue_scores(run_of({}, ROW, lacking))
    assert (found.after, len(found.before or ()), len(found.predictions)) == (None, 2, 2)
    assert found.last == found.before
    nothing = dialogue_scores(run_of({}, {"summary": "", "fine_tuned": "x"}, {"summary": "y"}))
    assert (nothing.predictions, nothing.before, nothing.after, nothing.last) == ([], None, None, ())
