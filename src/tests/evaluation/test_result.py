import csv
import json
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
import sacrebleu
from rouge_score.rouge_scorer import RougeScorer

from src.errors import YoyakError
from src.evaluation.result import SCORES, Comparison, score_report
from src.evaluation.rouge import counted_as
from src.evaluation.significance import Estimate, PairedDifference

KOREAN_TRAIN = Path(__file__).resolve().parents[4] / "shared" / "data" / "dialogsum_ko" / "train.csv"
IDS = [f"d{number}" for number in range(8)]
REFERENCES = [f"Person {number} buys {number + 2} books on a rainy day." for number in range(8)]
PREDICTIONS = [f"Person {number} buys {number + 2} books." for number in range(8)]


def test_scores_equal_rouge_score_and_sacrebleu():
    report = score_report(IDS, PREDICTIONS, REFERENCES, stemmer=True)
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    theirs = [scorer.score(*pair) for pair in zip(REFERENCES, PREDICTIONS, strict=True)]
    expected = {name: 100 * sum(its[name].fmeasure for its in theirs) / 8 for name in ("rouge1", "rouge2", "rougeL")}
    total = sum(expected.values())
    expected |= {"rouge_sum": total, "rouge_mean": total / 3}
    expected["chrf"] = sacrebleu.corpus_chrf(PREDICTIONS, [REFERENCES]).score
    assert {name: found.value for name, found in report.scores.items()} == pytest.approx(expected, abs=1e-9)


def test_intervals_enclose_the_values_and_floors_lie_below():
    report = score_report(IDS, PREDICTIONS, REFERENCES)
    for name in SCORES:
        assert report.scores[name].low <= report.scores[name].value <= report.scores[name].high
        assert report.floor[name].low <= report.floor[name].value <= report.floor[name].high < report.scores[name].low


def test_same_input_same_figures():
    assert score_report(IDS, PREDICTIONS, REFERENCES) == score_report(IDS, PREDICTIONS, REFERENCES)


def test_floor_by_hand():
    """Of two dialogues each prediction meets the other's reference: 2 of 3 words, and 0 of 3."""
    report = score_report(["a", "b"], ["one two", "six"], ["six one", "one four"])
    assert report.floor["rouge1"].value == pytest.approx((50 + 200 / 3) / 2)
    assert report.floor["rouge2"].value == 0
    one, other = (sacrebleu.sentence_chrf(*pair).score for pair in [("one two", ["one four"]), ("six", ["six one"])])
    assert min(one, other) < report.floor["chrf"].value < max(one, other)


def test_floor_of_several_references_counts_as_the_score_does():
    """With `best` a stranger's best reference counts, or the floor would be too low beside the score."""
    arguments = (["a", "b"], ["one", "two"], [["two", "three"], ["one", "four"]])
    assert score_report(*arguments, multi="best").floor["rouge1"].value == 100
    assert score_report(*arguments, multi="mean").floor["rouge1"].value == 50


def test_scores_of_strangers_are_within_chance_and_it_is_said():
    report = score_report(IDS, PREDICTIONS[1:] + PREDICTIONS[:1], REFERENCES)
    assert report.within_chance("rouge_sum")
    assert report.notes()[0].startswith("ROUGE-1, ROUGE-2, ROUGE-L, ROUGE sum, chrF: within what chance")
    assert not any("chance" in note for note in score_report(IDS, PREDICTIONS, REFERENCES).notes())


def test_one_dialogue_has_no_floor_and_it_is_said():
    report = score_report(["a"], ["one"], ["one"])
    assert report.floor == {}
    assert report.as_dict()["floor"] is None
    assert not report.within_chance("rouge1")
    assert any("One dialogue" in note for note in report.notes())
    assert "rouge1_floor" not in report.run_scores()


def test_better_baseline_and_no_difference_in_words():
    worse = ["Somebody buys something."] * 8
    report = score_report(IDS, PREDICTIONS, REFERENCES, baseline=worse)
    found = report.baseline.differences["rouge_sum"]
    assert (found.wins, found.ties, found.losses, found.n) == (8, 0, 0, 8)
    assert found.difference == pytest.approx(
        report.scores["rouge_sum"].value - report.baseline.scores["rouge_sum"].value
    )
    expected = f"better by {found.difference:.1f}, 95% interval {found.low:.1f} to {found.high:.1f}, n = 8"
    assert report.baseline.sentence() == f"ROUGE sum {expected}"
    assert "chrF better by" in report.baseline.sentence("chrf")
    mirrored = score_report(IDS, worse, REFERENCES, baseline=PREDICTIONS).baseline
    assert mirrored.sentence() == f"ROUGE sum {expected.replace('better', 'worse')}"
    assert mirrored.differences["chrf"].difference == pytest.approx(-report.baseline.differences["chrf"].difference)
    same = score_report(IDS, PREDICTIONS, REFERENCES, baseline=PREDICTIONS).baseline
    assert same.sentence() == (
        "ROUGE sum: no difference that these 8 dialogues can show (+0.0, 95% interval 0.0 to 0.0, n = 8, p = 1)"
    )


def test_three_wins_of_three_show_nothing():
    """The interval excludes 0, but with 3 dialogues chance gives all three wins in 1 of 4 cases."""
    report = score_report(IDS[:3], PREDICTIONS[:3], REFERENCES[:3], baseline=["x"] * 3)
    assert report.baseline.differences["rouge1"].low > 0
    assert "no difference that these 3 dialogues can show" in report.baseline.sentence("rouge1")


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        ((5.0, 2.0, 8.04, 0.049), "ROUGE sum better by 5.0, 95% interval 2.0 to 8.0, n = 8"),
        ((-5.0, -8.04, -2.0, 0.001), "ROUGE sum worse by 5.0, 95% interval 2.0 to 8.0, n = 8"),
        ((5.0, -1.0, 8.0, 0.01), "ROUGE sum: no difference that these 8 dialogues can show (+5.0, 95% interval -1.0"),
        ((5.0, 2.0, 8.0, 0.051), "ROUGE sum: no difference that these 8 dialogues can show (+5.0, 95% interval 2.0"),
        ((-5.0, -8.0, 1.0, 0.01), "ROUGE sum: no difference that these 8 dialogues can show (-5.0, 95% interval -8.0"),
    ],
)
def test_a_comparison_in_words(figures, sentence):
    comparison = Comparison({}, {"rouge_sum": PairedDifference(*figures, wins=5, ties=1, losses=2, n=8)})
    assert comparison.sentence().startswith(sentence)


def test_a_score_up_to_the_floors_upper_bound_is_within_chance():
    report = score_report(IDS, PREDICTIONS, REFERENCES)
    floor = {"chrf": Estimate(20.0, 15.0, 25.0)}
    for value, chance in ((10.0, True), (20.0, True), (25.0, True), (25.1, False)):
        scores = {"chrf": Estimate(value, 0.0, 100.0)}
        assert replace(report, scores=scores, floor=floor).within_chance("chrf") is chance


def test_the_floor_does_not_depend_on_the_baseline():
    alone, beside = (score_report(IDS, PREDICTIONS, REFERENCES, baseline=given) for given in (None, REFERENCES))
    assert alone.floor == beside.floor
    assert beside.baseline.scores["rouge1"].value == 100


def test_only_the_ascii_tokenization_of_korean_is_warned_of():
    texts = ["점심을 먹었다", "x"]
    (warning,) = score_report(["a", "b"], texts, texts, "ascii").warnings
    assert warning.startswith("The tokenization ascii drops all Hangul")
    assert score_report(["a", "b"], texts, texts, "word").warnings == []
    assert score_report(["a", "b"], ["x", "y"], texts, "ascii").warnings == []


def test_json_is_plain():
    report = score_report(IDS, PREDICTIONS, REFERENCES, baseline=PREDICTIONS, dialogues=REFERENCES, ended=[True] * 8)
    found = json.loads(json.dumps(report.as_dict()))
    assert list(found) == [
        "scores", "tokenization", "analyser", "stemmer", "multi", "n", "floor", "lead3", "interval", "baseline",
        "checks", "notes",
    ]  # fmt: skip
    assert list(found["scores"]) == list(found["floor"]) == list(found["lead3"]) == list(SCORES)
    assert SCORES == ("rouge1", "rouge2", "rougeL", "rouge_sum", "rouge_mean", "chrf")
    assert list(found["scores"]["chrf"]) == ["value", "low", "high"]
    assert found["interval"] == {"level": 0.95, "samples": 10000, "derangements": 5, "seed": 0}
    assert (found["n"], found["tokenization"], found["multi"]) == (8, "word", "mean")


def test_run_scores_stay_plain_numbers():
    figures = score_report(IDS, PREDICTIONS, REFERENCES).run_scores()
    expected = {name + end for name in SCORES for end in ("", "_low", "_high", "_floor", "_floor_low", "_floor_high")}
    assert figures.keys() == expected | {"tokenization", "analyser", "stemmer", "n"}
    assert all(type(figures[name]) is float for name in expected)
    assert figures["rouge_sum_low"] <= figures["rouge_sum"] <= figures["rouge_sum_high"]
    assert figures["rouge_sum_floor_low"] <= figures["rouge_sum_floor"] <= figures["rouge_sum_floor_high"]


def test_lead_is_what_the_first_three_turns_score():
    """`A: one B: two C: three` shares two words of six with the reference's three: F1 = 2 x 2 / (6 + 3)."""
    dialogues = ["A: one\n\n  B: two\nC: three\nD: four", "A: x"]
    report = score_report(["a", "b"], ["x", "x"], ["one three four", "y"], dialogues=dialogues, facts=False)
    assert report.lead["rouge1"] == pytest.approx(100 * 4 / 9 / 2)
    assert report.run_scores()["rouge1_lead3"] == report.lead["rouge1"]
    assert score_report(["a"], ["x"], ["y"]).lead == {}


def test_the_mean_of_the_three_is_a_third_of_the_sum():
    report = score_report(IDS, PREDICTIONS, REFERENCES, baseline=REFERENCES)
    assert report.scores["rouge_mean"].value == pytest.approx(report.scores["rouge_sum"].value / 3)
    assert report.scores["rouge_mean"].low == pytest.approx(report.scores["rouge_sum"].low / 3)
    found = report.baseline.differences
    assert found["rouge_mean"].p_value == found["rouge_sum"].p_value


def test_what_cut_the_texts_is_named():
    assert score_report(["a"], ["글"], ["글"], "morpheme").as_dict()["analyser"].startswith("kiwipiepy 0.")
    assert score_report(["a"], ["글"], ["글"], "word").run_scores()["analyser"] is None


def test_per_dialogue_scores_belong_to_their_dialogues():
    report = score_report(["a", "b"], ["one two", "x"], ["one two", "three"])
    assert report.per_dialogue["rouge1"] == (100, 0)
    assert report.per_dialogue["chrf"] == (100, 0)


def test_ascii_on_hangul_warns():
    assert "drops all Hangul" in score_report(["a", "b"], ["가", "나"], ["가", "나"], "ascii").warnings[0]
    assert score_report(["a", "b"], ["가", "나"], ["가", "나"], "char").warnings == []
    assert score_report(["a", "b"], ["x", "y"], ["x", "y"], "ascii").warnings == []


def test_letters_have_no_stems():
    one = score_report(["a", "b"], ["he goes", "no"], ["he went", "no"], "char", stemmer=True)
    assert "evaluation.stemmer is without effect" in one.notes()[0]
    assert (counted_as("char", True), counted_as("word", True)) == ("char", "word, stemmed")


def test_decomposed_hangul_equals_composed_for_chrf():
    decomposed = [unicodedata.normalize("NFD", text) for text in ("점심을 먹었다", "집")]
    assert score_report(["a", "b"], decomposed, ["점심을 먹었다", "집"]).scores["chrf"].value == 100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ["a"]}, "1 ids for 2 predictions"),
        ({"baseline": ["x"]}, "1 baseline for 2 predictions"),
        ({"dialogues": ["x"]}, "1 dialogues for 2 predictions"),
        ({"ended": [True]}, "1 ended for 2 predictions"),
        ({"ids": ["a", "b", "c"]}, "3 ids for 2 predictions"),
        ({"baseline": ["x", "y", "z"]}, "3 baseline for 2 predictions"),
        ({"dialogues": ["x", "y", "z"]}, "3 dialogues for 2 predictions"),
        ({"references": ["x"]}, "2 predictions and 1 references"),
        ({"tokenization": "words"}, "did you mean 'word'"),
    ],
)
def test_mistakes_are_one_line(change, message):
    arguments = {"ids": ["a", "b"], "predictions": ["x", "y"], "references": ["x", "y"]}
    with pytest.raises(YoyakError, match=message):
        score_report(**arguments | change)


@pytest.mark.skipif(not KOREAN_TRAIN.is_file(), reason="needs ../shared/data/dialogsum_ko")
@pytest.mark.parametrize(
    ("tokenization", "published"),
    [
        ("word", (11.4, 2.5, 10.2)),
        ("morpheme", (25.7, 4.9, 20.3)),
        ("content", (12.7, 2.6, 11.4)),
        ("char", (39.2, 23.6, 32.4)),
        ("ascii", (46.4, 18.6, 42.5)),
    ],
)
def test_floor_of_200_korean_summaries_is_near_the_measured_one(tokenization, published):
    """The figures come from another choice and another shuffle of 200 summaries: within 2.5 points."""
    with KOREAN_TRAIN.open(encoding="utf-8-sig", newline="") as file:
        summaries = [row["summary"] for _, row in zip(range(200), csv.DictReader(file), strict=False)]
    floor = score_report([str(i) for i in range(200)], summaries, summaries, tokenization).floor
    assert [floor[name].value for name in ("rouge1", "rouge2", "rougeL")] == pytest.approx(published, abs=2.5)
