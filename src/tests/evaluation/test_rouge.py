import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from src.errors import YoyakError
from src.evaluation.rouge import METRICS, lcs_length, score_summaries, score_tokens
from src.tests.evaluation.installed import INSTALLED

KOREAN = "민수는 주말에 부모님과 함께 새로 생긴 식당에 가기로 했다."
UNRELATED = "회사는 오늘 오후에 열릴 회의를 다음 주로 미뤘다."

ENGLISH_PAIRS = [
    ("The cat sat on the mat.", "The cat lay on a mat."),
    ("#Person1# is going to Mark's party.", "#Person2# went to the parties of Mark, twice."),
    ("", "Something was said."),
    ("Nothing!", ""),
    ("...", "..."),
    ("one", "one"),
    ("one two", "two one"),
    ("Running runners ran; the run was run", "He runs. Runs he? A runner's running run."),
    ("The café costs 3,000 won & naïve Zoë pays", "the cafe costs 3000 won and naive Zoe pays"),
    ("a a a a b", "a b a"),
    ("first line\nsecond line", "second line\nfirst line"),
    ("東京 2024", "京都 2024"),
]


def generated_pairs(count):
    """English-like texts with repeated words, inflections, punctuation and empty ones."""
    draw = random.Random(7)
    words = [
        "they",
        "talk",
        "talked",
        "talking",
        "the",
        "cities",
        "city",
        "flies,",
        "#Person1#",
        "didn't",
        "12",
        "o'clock",
    ]
    lengths = [0, 1, 2, 5, 30, 90]
    texts = [" ".join(draw.choices(words, k=draw.choice(lengths))) for _ in range(2 * count)]
    return list(zip(texts[:count], texts[count:], strict=True))


@pytest.mark.parametrize("stemmer", [False, True])
@pytest.mark.parametrize("pairs", [ENGLISH_PAIRS, generated_pairs(300)], ids=["handwritten", "generated"])
def test_equals_rouge_score_on_english(pairs, stemmer):
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=stemmer)
    predictions, references = zip(*pairs, strict=True)
    ours = score_summaries(predictions, references, "word", stemmer)
    theirs = [scorer.score(reference, prediction) for prediction, reference in pairs]
    for metric in ("rouge1", "rouge2", "rougeL"):
        expected = [100 * scores[metric].fmeasure for scores in theirs]
        assert ours.per_dialogue[metric] == pytest.approx(expected, abs=1e-9)
        assert getattr(ours, metric) == pytest.approx(sum(expected) / len(expected), abs=1e-9)


def test_best_of_several_references_equals_rouge_score():
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"])
    references = ["the dog ran home", "a dog was running to the house", "home"]
    best = scorer.score_multi(references, "the dog was running home")
    ours = score_summaries(["the dog was running home"], [references], multi="best")
    assert [ours.rouge1, ours.rouge2, ours.rougeL] == pytest.approx([100 * best[m].fmeasure for m in best], abs=1e-9)


def test_english_by_hand():
    """5 + 6 words: 4 words in common (the, cat, on, mat), 1 bigram of 4 + 5 (the cat), all 4 in order."""
    scores = score_summaries(["the cat sat on mat"], ["The cat lay on a mat."])
    assert scores.rouge1 == pytest.approx(800 / 11)
    assert scores.rouge2 == pytest.approx(200 / 9)
    assert scores.rougeL == pytest.approx(800 / 11)
    assert scores.rouge_sum == pytest.approx(1600 / 11 + 200 / 9)


@pytest.mark.parametrize(
    ("tokenization", "expected"),
    [
        # person1 은 책을 샀다 / person2 는 책을 샀다: 2 of 4, 1 bigram of 3
        ("word", (50, 100 / 3, 50)),
        # person1 은 책 을 사 었 다 / person2 는 ...: 5 of 7, 4 of 6
        ("morpheme", (500 / 7, 200 / 3, 500 / 7)),
        # person1 책 사 / person2 책 사: 2 of 3, 1 of 2
        ("content", (200 / 3, 50, 200 / 3)),
        # #person1#은책을샀다. / #person2#는책을샀다.: 13 of 15; bigrams #p pe er rs so on, 책을 을샀 샀다 다. of 14
        ("char", (1300 / 15, 1000 / 14, 1300 / 15)),
        # person1 / person2
        ("ascii", (0, 0, 0)),
    ],
)
def test_korean_by_hand(tokenization, expected):
    scores = score_summaries(["#Person1#은 책을 샀다."], ["#Person2#는 책을 샀다."], tokenization)
    assert (scores.rouge1, scores.rouge2, scores.rougeL) == pytest.approx(expected)


@pytest.mark.parametrize(("tokenization", "score"), [("word", 100), ("morpheme", 100), ("char", 100), ("ascii", 0)])
def test_trap_26_identical_korean_sentences(tokenization, score):
    scores = score_summaries([KOREAN], [KOREAN], tokenization)
    assert [scores.rouge1, scores.rouge2, scores.rougeL] == [score] * 3


def test_trap_26_ascii_counts_only_placeholders():
    """Different sentences look alike, because only `#Person1#` is left of them."""
    pair = ["#Person1#은 늦잠을 잤다."], ["#Person1#이 피자를 주문한다."]
    assert score_summaries(*pair, "ascii").rouge1 == 100
    assert score_summaries(*pair, "word").rouge1 == 25  # person1 of 4 words each
    assert score_summaries(*pair, "content").rouge1 < 40


def test_trap_26_unrelated_korean_sentences_score_low():
    scores = score_summaries([KOREAN], [UNRELATED], "word")
    assert scores.rouge_sum == 0
    assert score_summaries([KOREAN], [UNRELATED], "content").rouge1 < 10


def test_empty_predictions_score_zero_and_count():
    scores = score_summaries(["", KOREAN], [KOREAN, KOREAN])
    assert scores.per_dialogue["rouge1"] == (0, 100)
    assert scores.rouge1 == 50


def test_several_references_count_by_mean_or_best():
    arguments = ["가 나 다 라"], [["가 나", "다 라 마 바"]]  # 4 of 6 and 4 of 8; bigrams 2 of 4 and 2 of 6
    mean, best = score_summaries(*arguments), score_summaries(*arguments, multi="best")
    assert (mean.rouge1, mean.rouge2) == pytest.approx(((200 / 3 + 50) / 2, (50 + 100 / 3) / 2))
    assert (best.rouge1, best.rouge2) == pytest.approx((200 / 3, 50))
    assert mean.n == best.n == 1


def test_numbers_of_references_may_differ():
    scores = score_summaries(["가 나", "다"], [["가 나", "다 라", "가"], "다"])
    assert scores.per_dialogue["rouge1"] == pytest.approx(((100 + 0 + 200 / 3) / 3, 100))


def test_as_dict_is_plain_and_declares_the_tokenization():
    scores = score_summaries(["가 나", "다"], ["가 나", "라"], "word")
    expected = {"rouge1": 50.0, "rouge2": 50.0, "rougeL": 50.0, "rouge_sum": 150.0, "rouge_mean": 50.0}
    assert scores.as_dict() == expected | {"tokenization": "word", "analyser": None, "stemmer": False, "n": 2}
    assert json.loads(json.dumps(scores.as_dict())) == scores.as_dict()
    assert str(scores) == "ROUGE-1 50.00, ROUGE-2 50.00, ROUGE-L 50.00, sum 150.00, mean 50.00 (word; 2 dialogues)"
    each = dict.fromkeys(("rouge1", "rouge2", "rougeL", "rouge_mean"), (100, 0))
    assert scores.per_dialogue == each | {"rouge_sum": (300, 0)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], []), "no predictions to score"),
        ((["a"], ["a", "b"]), "1 predictions and 2 references"),
        ((["a", "b"], ["a", []]), "dialogue 2 has no reference"),
        ((["a", float("nan")], ["a", "b"]), "prediction of dialogue 2 is float, not text"),
        ((["a"], [None]), "reference of dialogue 1 is NoneType, not text"),
        (("text", "text"), "one text; give a list"),
        ((["a"], ["a"], "word", False, "max"), "unknown way to count several references 'max'"),
        ((["a"], ["a"], "morphem"), "did you mean 'morpheme'"),
    ],
)
def test_mistakes_are_one_line(arguments, message):
    with pytest.raises(YoyakError, match=message) as error:
        score_summaries(*arguments)
    assert "\n" not in str(error.value)


def table_lcs_length(one, other):
    """The textbook table, slow and obvious."""
    row = [0] * (len(other) + 1)
    for token in one:
        above, row = row, [0]
        for index, candidate in enumerate(other):
            row.append(above[index] + 1 if token == candidate else max(above[index + 1], row[index]))
    return row[-1]


def test_lcs_by_hand():
    assert lcs_length("ABCBDAB", "BDCABA") == 4  # Cormen et al., "Introduction to Algorithms": BCBA
    assert lcs_length("", "abc") == lcs_length("abc", "") == 0


tokens = st.lists(st.sampled_from("abcde"), max_size=150)


@settings(deadline=None)
@given(tokens, tokens)
def test_lcs_equals_the_table(one, other):
    assert lcs_length(one, other) == table_lcs_length(one, other)


@given(tokens, tokens)
def test_scores_are_symmetric_and_bounded(one, other):
    scores = score_tokens(one, other)
    assert scores == score_tokens(other, one)
    rouge1, _, rouge_l = scores
    assert min(scores) >= 0
    assert rouge_l <= rouge1 <= 100


@settings(deadline=None, max_examples=50)
@given(st.text("가나다라 마바사.#1", min_size=1), st.sampled_from(INSTALLED))
def test_a_text_scores_100_against_itself_or_has_no_tokens(text, tokenization):
    assert score_summaries([text], [text], tokenization).rouge1 in (0, 100)


def test_scores_have_every_metric():
    assert tuple(score_summaries(["a"], ["a"]).per_dialogue) == METRICS


def test_a_summary_as_long_as_a_file_takes_no_minutes():
    """Integers are as long as the shorter text, whichever it is: half a million words take a moment."""
    long = ["x"] * 500_000 + ["a", "y", "b"]
    assert lcs_length(long, ["a", "b", "c"]) == lcs_length(["a", "b", "c"], long) == 2
