import random

import pytest

from src.evaluation.copying import (
    Copied,
    copied_runs_share,
    copied_share,
    fragment_lengths,
    length_ratio,
    repeated_share,
)

SUMMARY, DIALOGUE = map(str.split, ("the cat sat on the mat", "so the cat sat by the mat"))


def test_fragments_by_hand():
    """`the cat sat` is one run, `on` is new, `the mat` another."""
    assert fragment_lengths(SUMMARY, DIALOGUE) == [3, 2]


def test_coverage_and_density_by_hand():
    """5 of 6 words lie in runs of 3 and 2: (9 + 4) / 6."""
    share = copied_share(SUMMARY, DIALOGUE)
    assert share == Copied(pytest.approx(5 / 6), pytest.approx(13 / 6))


def test_runs_by_hand():
    """`the cat sat` is long enough at 3 of 6 words, `the mat` from 2 on; nothing is copied into an empty text."""
    assert copied_runs_share(SUMMARY, DIALOGUE) == pytest.approx(3 / 6)
    assert copied_runs_share(SUMMARY, DIALOGUE, 2) == pytest.approx(5 / 6)
    assert copied_runs_share(SUMMARY, DIALOGUE, 4) == copied_runs_share([], DIALOGUE) == 0.0


@pytest.mark.parametrize(
    ("summary", "dialogue", "lengths"),
    [
        ("", "a b", []),
        ("a b", "", []),
        ("x y", "a b", []),
        ("a b a b c", "a b c a b", [2, 3]),
        ("a a a", "a a", [2, 1]),
        ("b", "a b", [1]),
    ],
)
def test_fragments_of_edges(summary, dialogue, lengths):
    assert fragment_lengths(summary.split(), dialogue.split()) == lengths


def newsroom_lengths(summary, dialogue):
    """Figure 2 of the paper, word for word."""
    lengths = []
    i = 0
    while i < len(summary):
        longest = j = 0
        while j < len(dialogue):
            if summary[i] == dialogue[j]:
                i_end, j_end = i, j
                while i_end < len(summary) and j_end < len(dialogue) and summary[i_end] == dialogue[j_end]:
                    i_end, j_end = i_end + 1, j_end + 1
                longest = max(longest, i_end - i)
                j = j_end
            else:
                j += 1
        i += max(longest, 1)
        lengths += [longest] if longest else []
    return lengths


def test_equals_the_papers_procedure():
    draw = random.Random(3)
    for _ in range(500):
        summary, dialogue = (draw.choices("abc", k=draw.randint(0, 12)) for _ in range(2))
        assert fragment_lengths(summary, dialogue) == newsroom_lengths(summary, dialogue)


def test_repeated_share_by_hand():
    """abc bca cab abc bca: 2 of 5 triples have occurred."""
    assert repeated_share(list("abcabca")) == pytest.approx(2 / 5)
    assert repeated_share(list("abcdefg")) == repeated_share(list("ab")) == repeated_share([]) == 0


def test_length_ratio_leaves_spaces_out_and_takes_several_references_as_a_mean():
    assert length_ratio(["a b", "cd\n"], [["abcd"], ["ab", "abcdef"]]) == pytest.approx(4 / 8)
    assert length_ratio(["a"], [[""]]) == 0
