import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.tokenize import tokenize as rouge_score_tokenize
from rouge_score.tokenizers import DefaultTokenizer

from src.errors import YoyakError
from src.evaluation.tokenizations import analyse, analyser_of, need_analyser, tokenize_pairs
from src.tests.evaluation.installed import INSTALLED


def tokenize(text, tokenization, stemmer=False):
    """Cut one text."""
    return tokenize_pairs([(text, text)], tokenization, stemmer)[0][0]


@pytest.mark.parametrize(
    ("tokenization", "expected"),
    [
        ("word", ["person1", "은", "친구에게", "3000원을", "빌렸다"]),
        ("morpheme", ["person1", "은", "친구", "에게", "3000", "원", "을", "빌리", "었", "다"]),
        ("content", ["person1", "친구", "에게", "3000", "원", "빌리"]),
        ("char", list("#person1#은친구에게3,000원을빌렸다.")),
        ("ascii", ["person1", "3", "000"]),
    ],
)
def test_each_tokenization_of_a_korean_sentence(tokenization, expected):
    assert tokenize("#Person1#은 친구에게 3,000원을 빌렸다.", tokenization) == expected


def test_placeholder_does_not_swallow_its_particle():
    """Kiwi alone reads `#은` as a hashtag."""
    assert tokenize("#사람1#은 #사람2#의 집에 갔다", "morpheme")[:4] == ["사람1", "은", "사람2", "의"]


def test_a_hash_makes_no_word_of_a_noun_and_its_particle():
    assert tokenize("#점심은 좋다", "morpheme") == ["점심", "은", "좋", "다"]
    assert tokenize("방 #3은 크다", "morpheme") == ["방", "3", "은", "크", "다"]


def test_irregular_verbs_and_adjectives_are_content_and_endings_are_not():
    assert tokenize("학생은 더운 날에 예쁜 꽃을 주웠다", "content") == ["학생", "덥", "날", "예쁘", "꽃", "줍"]


def test_other_scripts_and_accents_stay_whole_beside_hangul():
    assert tokenize("카페 Café에서 東京 हिन्दी 이야기!", "word") == ["카페", "café에서", "東京", "हिन्दी", "이야기"]


def test_decomposed_hangul_equals_composed():
    decomposed = unicodedata.normalize("NFD", "점심을 먹었다")
    for tokenization in ("word", "morpheme", "content", "char"):
        assert tokenize(decomposed, tokenization) == tokenize("점심을 먹었다", tokenization)


def test_invisible_characters_and_emoji_do_not_count():
    assert tokenize("\ufeff안\u200b녕 ❤\ufe0f 😀", "word") == ["안녕"]
    assert tokenize("안녕 ❤\ufe0f 😀", "morpheme") == ["안녕"]


def test_lone_surrogate_from_broken_json_is_dropped():
    for tokenization in ("word", "morpheme", "char"):
        assert "".join(tokenize("\ud83d우리 집", tokenization)) == "우리집"


@pytest.mark.parametrize("tokenization", ["word", "morpheme", "content", "char"])
def test_invisible_characters_and_widths_make_no_other_tokens(tokenization):
    plain = tokenize("회의실에서 3시에 KT와 20kg 짐을 봤다", tokenization)
    assert tokenize("회의\u200b실에서 ３시에 ＫＴ와 ２０㎏ 짐을 봤\u00ad다", tokenization) == plain


def test_what_separates_digits_stays_between_them():
    text = "3.5%가 1:30에 2,000원, 3,4번. 12."
    assert tokenize(text, "word") == ["3.5", "가", "1:30에", "2000원", "3,4번", "12"]
    assert [token for token in tokenize(text, "morpheme") if token[0].isdigit()] == ["3.5", "1:30", "2000", "3,4", "12"]
    assert tokenize("Up 3.5% at 1:30.", "word") == ["up", "3", "5", "at", "1", "30"]  # as rouge_score cuts it


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("두 사람은 네 시 반에 만난다.", ["2", "사람", "4", "시", "30", "분", "만나"]),
        ("오만 원에서 3만 3천 원", ["50000", "원", "에서", "33000", "원"]),
        ("칠월 십이일에 칠십 퍼센트가", ["7", "월", "12", "일", "70", "%"]),
        ("안 간다. 가지 않는다. 가지 못했다.", ["안", "가", "가", "안", "가", "못"]),
        ("내일 올 것이다.", ["내일", "오", "겠"]),
        ("민수를 그가 도왔다.", ["민수", "를", "그", "돕"]),
        ("갈 수 있는 것을 했다.", ["가", "있"]),
        ("영희만 세 시부터 먹어야 한다.", ["영희", "만", "3", "시", "부터", "먹", "어야"]),
    ],
)
def test_content_is_what_is_said(text, expected):
    assert tokenize(text, "content") == expected


def test_chat_jamo_are_words():
    assert tokenize("ㅋㅋ ﾡ", "word") == ["ㅋㅋ", "ㄱ"]  # U+FFA1 is half as wide
    assert tokenize("좋다 ㅋㅋ", "morpheme") == ["좋", "다", "ㅋㅋ"]


def test_pair_decides_the_rule_for_both_texts():
    (prediction, reference), (english, other) = tokenize_pairs([("Café Ana", "카페 Ana"), ("Café Ana", "Café")], "word")
    assert (prediction, reference) == (["café", "ana"], ["카페", "ana"])
    assert (english, other) == (["caf", "ana"], ["caf"])  # as rouge_score cuts it


def test_stemmer_reduces_long_ascii_words_only():
    assert tokenize("She was running in cities", "word", stemmer=True) == ["she", "was", "run", "in", "citi"]
    assert tokenize("회의 meetings", "word", stemmer=True) == ["회의", "meet"]
    assert tokenize("회의 meetings", "morpheme", stemmer=True) == ["회의", "meet"]
    assert tokenize("running", "char", stemmer=True) == list("running")


@pytest.mark.parametrize("tokenization", INSTALLED)
@pytest.mark.parametrize("text", ["", "  \n", "...!?", "#", "##"])
def test_text_without_words_has_no_tokens(tokenization, text):
    if tokenization in ("char", "mecab"):  # punctuation counts
        assert "".join(tokenize(text, tokenization)) == text.strip()
        return
    assert tokenize(text, tokenization) == []
    assert tokenize_pairs([(text, "한글")], tokenization)[0][0] == []


def test_unknown_tokenization_is_named_with_its_nearest():
    with pytest.raises(YoyakError, match=r"unknown tokenization 'words'.*did you mean 'word'"):
        tokenize("text", "words")


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0x10FF)), st.booleans())
def test_word_equals_rouge_score_without_hangul(text, stemmer):
    assert tokenize(text, "word", stemmer) == DefaultTokenizer(stemmer).tokenize(text)
    assert tokenize(text, "ascii") == rouge_score_tokenize(text, None)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text("가나다 ab1#.,", max_size=12), min_size=2, max_size=6), st.sampled_from(INSTALLED))
def test_pairs_in_a_batch_get_the_tokens_that_they_get_alone(texts, tokenization):
    pairs = list(zip(texts, reversed(texts), strict=True))
    assert tokenize_pairs(pairs, tokenization) == [tokenize_pairs([pair], tokenization)[0] for pair in pairs]


@pytest.mark.skipif("mecab" not in INSTALLED, reason="needs python-mecab-ko")
def test_mecab_counts_punctuation_and_what_stands_in_the_text():
    text = "#Person1#은 3.5% 올라 1:30에 3,000원을 냈다."
    expected = ["#", "person", "1", "#", "은", "3.5", "%", "올라", "1:30", "에", "3000", "원", "을", "냈", "다", "."]
    assert tokenize(text, "mecab") == expected
    assert tokenize("３．５％", "mecab") == ["3.5", "%"]


def test_mecab_is_asked_for_in_a_line_where_it_is_not_installed(monkeypatch):
    monkeypatch.setattr("src.evaluation.tokenizations.find_spec", lambda name: None)
    with pytest.raises(YoyakError, match=r"^tokenization mecab: python-mecab-ko is not installed; pip install 'yoyak"):
        tokenize("글", "mecab")
    need_analyser("morpheme")


def test_what_cuts_is_named_with_its_version():
    from importlib.metadata import version

    kiwi = f"kiwipiepy {version('kiwipiepy')}, kiwipiepy_model {version('kiwipiepy_model')}"
    assert analyser_of("morpheme") == analyser_of("content") == kiwi
    assert analyser_of("word") is analyser_of("char") is analyser_of("ascii") is None


def test_texts_that_were_cut_before_get_the_same_morphemes(monkeypatch):
    """Also while older ones are forgotten, and where two texts differ only by their form."""
    monkeypatch.setattr("src.evaluation.tokenizations._MOST_RECENT", 2)
    texts = ["가나 다", "밥을 먹었다", "밥을 먹었다".replace("밥", "\u1107\u1161\u11b8"), "집에 갔다", "가나 다"]
    first = [[token.form for token in tokens] for tokens in analyse(texts)]
    assert [[token.form for token in tokens] for tokens in analyse(texts[::-1])] == first[::-1]
    assert first[1] == first[2] == ["밥", "을", "먹", "었", "다"]
    assert first[0] == first[4] != first[3]


def test_import_stays_light():
    code = (
        "import sys, src.evaluation.rouge; print(*{'torch', 'numpy', 'kiwipiepy', 'nltk'} & set(sys.modules), sep=',')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
