"""Near-duplicates against a slow join over all pairs, and values worked out by hand."""

import random

import pytest

from src.data.tools.duplicates import Pair, connected, duplicate_groups, near_duplicates


def slow_pairs(dialogues, jaccard):
    def trigrams(text):
        words = text.split()
        words += [""] * (3 - len(words)) if words else []
        return {tuple(words[start : start + 3]) for start in range(len(words) - 2)}

    sets = [trigrams(dialogue) for dialogue in dialogues]
    pairs = []
    for first in range(len(sets)):
        for second in range(first + 1, len(sets)):
            both, either = len(sets[first] & sets[second]), len(sets[first] | sets[second])
            if either and both / either >= jaccard:
                pairs.append(Pair(first, second, both / either))
    return pairs


@pytest.mark.parametrize("jaccard", [0.2, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_pairs_are_those_of_a_join_over_all_pairs(jaccard, seed):
    source = random.Random(seed)
    dialogues = [" ".join(source.choices("abc", k=source.randrange(9))) for _ in range(150)]
    expected = slow_pairs(dialogues, jaccard)
    assert expected
    assert near_duplicates(dialogues, jaccard) == expected


def test_similarity_by_hand():
    # 4 trigrams each: abc bcd cde def, and abc bcd cdx dxf
    assert near_duplicates(["a b c d e f", "a b c d x f"], 0.3) == [Pair(0, 1, 2 / 6)]
    assert near_duplicates(["a b c d e f", "a b c d x f"], 0.34) == []


def test_speakers_case_and_punctuation_do_not_count():
    one = "#Person1#: Shall we go?\n#Person2#: Yes, at nine."
    other = "Maya: shall we go\nBen: yes at NINE!"
    assert near_duplicates([one, other]) == [Pair(0, 1, 1.0)]


def test_short_dialogues_and_those_without_words():
    assert near_duplicates(["A: ok", "B: OK.", "A: 네 네", "A: ...", "A: !!!", ""]) == [Pair(0, 1, 1.0)]
    assert near_duplicates([]) == []
    assert near_duplicates(["..."]) == []


def test_trigrams_do_not_run_from_one_dialogue_into_the_next():
    assert near_duplicates(["a b c", "d e f", "c d e f"], 0.9) == []


def test_groups_join_equal_and_near_dialogues_through_others():
    rows = ["a b c d e f g", "x y z", "a b c d e f h", "x y z", "q r s", "a b c d e g h"]
    # row 0 is near row 2 (4 of 6), row 2 and row 5 share abc bcd cde of 5 + 5: 3 of 7
    assert duplicate_groups(rows, 0.4) == [[0, 2, 5], [1, 3]]
    assert duplicate_groups(rows, 0.6) == [[0, 2], [1, 3]]


def test_connected():
    assert connected(7, [(3, 1), (5, 6), (1, 6), (0, 2)]) == [[0, 2], [1, 3, 5, 6]]
    assert connected(3, []) == []


@pytest.mark.parametrize("jaccard", [0.2, 0.3, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_groups_are_those_of_all_pairs(jaccard, seed):
    source = random.Random(seed)
    dialogues = sorted({" ".join(source.choices("abcde", k=source.randrange(3, 9))) for _ in range(300)})
    links = [(pair.first, pair.second) for pair in slow_pairs(dialogues, jaccard)]
    assert links
    assert duplicate_groups(dialogues, jaccard) == connected(len(dialogues), links)


def variants(count, seed=0):
    """Return dialogues of 60 words, each with two of them changed."""
    source = random.Random(seed)
    words = [f"w{source.randrange(10**6)}" for _ in range(60)]
    made = []
    for _ in range(count):
        changed = list(words)
        for _ in range(2):
            changed[source.randrange(60)] = f"x{source.randrange(10**6)}"
        made.append(" ".join(changed))
    return made


def test_many_likes_are_one_group_and_take_no_square_of_pairs():
    """All pairs of 1,500 would be 1.1 million."""
    dialogues = variants(750) + variants(750, seed=1)
    source = random.Random(2)
    source.shuffle(dialogues)
    assert sorted(map(len, duplicate_groups(dialogues))) == [750, 750]
    pairs = near_duplicates(dialogues)
    assert 1500 < len(pairs) < 300 * 1500
    assert {member for pair in pairs for member in (pair.first, pair.second)} == set(range(1500))
    assert near_duplicates(dialogues) == pairs
