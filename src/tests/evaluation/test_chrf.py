import unicodedata

import numpy as np
import pytest
import sacrebleu
from hypothesis import example, given, settings
from hypothesis import strategies as st

from src.evaluation.chrf import chrf_score, chrf_statistics

text = st.text("abc가나 \n#1\ud800", max_size=40)


def corpus_chrf(predictions, references):
    """chrF of all dialogues together."""
    return float(chrf_score(chrf_statistics(predictions, references).mean(axis=0)))


def test_by_hand():
    """One letter of three differs: a, b of 3 letters; ab of 2 pairs; no triple: the mean of 2/3, 1/2 and 0."""
    assert corpus_chrf(["abc"], [["abd"]]) == pytest.approx(100 * 7 / 18)


def test_recall_weighs_twice():
    """Orders 1 and 2 count: precision 1, recall (2/4 + 1/3) / 2 = 5/12; 5 x 5/12 / (4 + 5/12) = 25/53."""
    assert corpus_chrf(["ab"], [["abcd"]]) == pytest.approx(100 * 25 / 53)


def test_counts_are_summed_over_dialogues_not_scores():
    """1 of 1 and 0 of 3 letters are 1 of 4; the mean of the two dialogues' scores would be 50."""
    statistics = chrf_statistics(["a", "bbb"], [["a"], ["ccc"]])
    assert statistics[:, :3].tolist() == [[1, 1, 1], [3, 3, 0]]
    assert chrf_score(statistics).tolist() == [100, 0]
    assert corpus_chrf(["a", "bbb"], [["a"], ["ccc"]]) == pytest.approx(100 * (1 / 4) / 3)


@settings(deadline=None, max_examples=200)
@example([("", ["1"]), ("1#a##a#a", ["111", "11111aaa"])])  # both references are worth 1/12
@given(st.lists(st.tuples(text, st.lists(text, min_size=1, max_size=3)), min_size=1, max_size=6))
def test_equals_sacrebleu(dialogues):
    predictions, references = zip(*dialogues, strict=True)
    streams = [[(its[i] if i < len(its) else its[0]) for its in references] for i in range(3)]
    expected = sacrebleu.corpus_chrf(list(predictions), streams).score
    assert corpus_chrf(predictions, references) == pytest.approx(expected, abs=1e-9)


def test_case_counts_and_spaces_do_not():
    assert corpus_chrf(["a b\nc"], [["abc"]]) == 100
    assert corpus_chrf(["ABC"], [["abc"]]) == 0


def test_mean_of_several_references_shares_their_counts():
    one, other = chrf_statistics(["abc", "abc"], [["abc"], ["xyz"]])
    both = chrf_statistics(["abc"], [["abc", "xyz"]], multi="mean")[0]
    assert both.tolist() == ((one + other) / 2).tolist()
    assert chrf_statistics(["abc"], [["xyz", "abc"]])[0].tolist() == one.tolist()


def test_empty_texts_score_zero():
    assert corpus_chrf(["", "a"], [["a"], ["a"]]) < 100
    assert corpus_chrf([""], [[""]]) == corpus_chrf([" "], [["a"]]) == 0


def test_forms_are_not_changed():
    """As sacrebleu: decomposed letters differ from composed ones; `score_report` composes Hangul before."""
    assert corpus_chrf([unicodedata.normalize("NFD", "점심")], [["점심"]]) == 0


def test_score_of_many_rows_at_once():
    statistics = np.random.default_rng(0).integers(0, 9, (4, 5, 18)).astype(float)
    together = chrf_score(statistics)
    assert together.shape == (4, 5)
    assert together[2, 3] == pytest.approx(float(chrf_score(statistics[2, 3])))
