"""Minimum Bayes risk: the candidate closest to the others, worked out by hand."""

import pytest

from src.errors import YoyakError
from src.inference import mbr
from src.inference.mbr import MbrChooser, choose_by_mbr, choose_ended_by_mbr


def test_the_candidate_closest_to_the_others():
    # "a b" has 226.7 against each of the middle two (80 + 66.7 + 80) and 0 against the first; these have 183.3 together
    assert choose_by_mbr([["x y", "a b c", "a b d", "a b"]]) == [3]


def test_several_dialogues_ties_and_single_candidates():
    candidates = [["a b c", "a b d"], ["only one"], ["x y", "z", "x y"], ["", "", "a"]]
    assert choose_by_mbr(candidates) == [0, 0, 0, 0]
    assert choose_by_mbr([["only one"]]) == [0]
    assert choose_by_mbr([]) == []


def test_a_cut_summary_is_chosen_only_where_none_has_ended():
    """Of the first dialogue the last one is the closest, and of those that ended the second is closer to it."""
    texts = ["x y", "a b c", "a b d", "a b"]
    ended = [[True, True, False, False], [False] * 4, [True] * 4, [True, False, False, False]]
    assert choose_ended_by_mbr([texts] * 4, ended) == [1, 3, 3, 0]


def test_one_that_occurs_twice_counts_twice():
    assert choose_by_mbr([["a b c d", "a b", "x y z", "x y z"]]) == [2]


def test_a_candidate_does_not_count_for_itself():
    """The twins have 300 from each other and nothing else; each of the other three 217 from both of its like."""
    assert choose_by_mbr([["x y z", "x y z", "a b c d", "a b c e", "a b c f"]]) == [2]


def test_the_order_of_words_counts_in_a_rouge_sum():
    """By single words the first two are alike; the third has the order of the second."""
    assert choose_by_mbr([["d c b a", "a b c d", "a b c d e"]]) == [1]


def test_the_metric_and_the_tokenization_decide():
    """No word is shared, so ROUGE over words finds nothing to prefer; characters and morphemes do."""
    candidates = [["전혀 다른 문장", "민수는 떠났다", "민수가 떠났어"]]
    assert choose_by_mbr(candidates, tokenization="word") == [0]
    assert choose_by_mbr(candidates, metric="chrf")[0] in (1, 2)
    assert choose_by_mbr(candidates, tokenization="char") == [1]


def test_stemming_reaches_rouge():
    candidates = [["other", "walking home", "walked home quickly today then"]]
    assert choose_by_mbr(candidates, stemmer=True) == [1]


def test_mistakes_are_one_line():
    with pytest.raises(YoyakError, match="dialogue 2 has no summary to choose from"):
        choose_by_mbr([["a"], []])
    with pytest.raises(YoyakError, match="unknown metric 'bleu' for MBR; choose rouge_sum or chrf"):
        choose_by_mbr([["a", "b"]], metric="bleu")
    with pytest.raises(YoyakError, match="unknown tokenization 'wrod'"):
        choose_by_mbr([["a", "b"]], tokenization="wrod")


def test_further_references_are_compared_with_and_not_chosen_from():
    """Alone the first two are closest (133.3 + 200 to 0); "x y" has 300 from each of two references and the most."""
    candidates = [["a b", "a b c", "x y"]]
    assert choose_by_mbr(candidates) == [0]
    assert choose_by_mbr(candidates, references=[["x y", "x y"]]) == [2]
    assert choose_by_mbr(candidates, references=[["z"]]) == [0]
    assert choose_by_mbr([["a b", "c"], ["a b", "c"]], references=[["c d"], ["b"]]) == [1, 0]
    assert choose_by_mbr([["a b"]], references=[["x y", "x y"]]) == [0]
    assert choose_by_mbr([["ab", "cd"]], metric="chrf", references=[["cd e"]]) == [1]


@pytest.mark.parametrize(("references", "workers"), [(0, None), (9, 7)])
def test_further_references_count_as_pairs(monkeypatch, references, workers):
    """Of 3,000 dialogues with 3 candidates each: 9,000 pairs, and 90,000."""
    monkeypatch.setattr(mbr, "usable_cores", lambda: 8)
    with MbrChooser(3_000, 3, "rouge_sum", "word", False, references) as chooser:
        assert (chooser._workers.workers if chooser._workers else None) == workers


@pytest.mark.parametrize(("ranks", "workers"), [(1, 7), (2, 3), (8, None)])
def test_the_ranks_of_a_machine_share_its_cores(monkeypatch, ranks, workers):
    monkeypatch.setattr(mbr, "usable_cores", lambda: 8)
    monkeypatch.setattr(mbr, "rank_count", lambda: ranks)
    with MbrChooser(10_000, 4, "rouge_sum", "word", False) as chooser:  # no process is started before there is work
        assert (chooser._workers.workers if chooser._workers else None) == workers


@pytest.mark.parametrize("in_workers", [False, True])
def test_workers_choose_alike(monkeypatch, in_workers):
    monkeypatch.setattr(mbr, "_MANY_PAIRS", 0 if in_workers else 10**9)
    monkeypatch.setattr(mbr, "usable_cores", lambda: 2)
    candidates = [["x y", "a b c", "a b d", "a b"], ["", "", "a", "b"], ["d c b a", "a b c d", "a b c d e", "z"]]
    further = [["x y", "x y"], [], ["z"]]
    for references, wanted in (([()] * 3, [3, 0, 1]), (further, [0, 0, 1])):
        found = {}
        with MbrChooser(3, 4, "rouge_sum", "word", False) as chooser:
            assert (chooser._workers is not None) == in_workers
            for dialogue, texts in enumerate(candidates):
                chooser.add(dialogue, texts, references[dialogue])
                found |= chooser.chosen()
            found |= chooser.chosen(wait=True)
            assert chooser.chosen(wait=True) == {}
        assert found == dict(enumerate(choose_by_mbr(candidates, references=references))) == dict(enumerate(wanted))
