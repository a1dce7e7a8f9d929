"""Korean particles behind names that end in a consonant, in a vowel and in ㄹ."""

import re

import pytest

from src.data.tools.augment_particles import NAME_PARTICLES, ending_of, needed_ending, with_particles


def matched(name, word):
    return re.fullmatch(name + NAME_PARTICLES, word)


@pytest.mark.parametrize(
    ("word", "after_vowel", "after_consonant", "after_rieul"),
    [
        ("수빈", "민서", "도연", "하율"),
        ("수빈은", "민서는", "도연은", "하율은"),
        ("수빈이", "민서가", "도연이", "하율이"),
        ("수빈을", "민서를", "도연을", "하율을"),
        ("수빈과", "민서와", "도연과", "하율과"),
        ("수빈과의", "민서와의", "도연과의", "하율과의"),
        ("수빈아", "민서야", "도연아", "하율아"),
        ("수빈으로", "민서로", "도연으로", "하율로"),
        ("수빈으로부터", "민서로부터", "도연으로부터", "하율로부터"),
        ("수빈이는", "민서는", "도연이는", "하율이는"),
        ("수빈이한테도", "민서한테도", "도연이한테도", "하율이한테도"),
        ("수빈이랑", "민서랑", "도연이랑", "하율이랑"),
        ("수빈이라고", "민서라고", "도연이라고", "하율이라고"),
        ("수빈이에요", "민서예요", "도연이에요", "하율이에요"),
        ("수빈이었어요", "민서였어요", "도연이었어요", "하율이었어요"),
        ("수빈이야", "민서야", "도연이야", "하율이야"),
        ("수빈에게서는", "민서에게서는", "도연에게서는", "하율에게서는"),
        ("수빈의", "민서의", "도연의", "하율의"),
        ("수빈씨는", "민서씨는", "도연씨는", "하율씨는"),
    ],
)
def test_from_a_name_with_a_final_consonant(word, after_vowel, after_consonant, after_rieul):
    match = matched("수빈", word)
    assert [with_particles(name, match) for name in ("민서", "도연", "하율")] == [
        after_vowel, after_consonant, after_rieul
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "after_vowel", "after_consonant", "after_rieul"),
    [
        ("지호는", "민서는", "도연은", "하율은"),
        ("지호가", "민서가", "도연이", "하율이"),
        ("지호를", "민서를", "도연을", "하율을"),
        ("지호와", "민서와", "도연과", "하율과"),
        ("지호야", "민서야", "도연아", "하율아"),
        ("지호로", "민서로", "도연으로", "하율로"),
        ("지호랑", "민서랑", "도연이랑", "하율이랑"),
        ("지호라서", "민서라서", "도연이라서", "하율이라서"),
        ("지호예요", "민서예요", "도연이에요", "하율이에요"),
        ("지호였습니다", "민서였습니다", "도연이었습니다", "하율이었습니다"),
        ("지호네", "민서네", "도연네", "하율네"),
        ("지호까지", "민서까지", "도연까지", "하율까지"),
        ("지호입니다", "민서입니다", "도연입니다", "하율입니다"),
    ],
)
def test_from_a_name_with_a_final_vowel(word, after_vowel, after_consonant, after_rieul):
    match = matched("지호", word)
    assert [with_particles(name, match) for name in ("민서", "도연", "하율")] == [
        after_vowel, after_consonant, after_rieul
    ]  # fmt: skip


@pytest.mark.parametrize("label", ["#Person1#", "Mark"])
@pytest.mark.parametrize(
    ("given", "expected"), [("은", "민서는"), ("는", "민서는"), ("이", "민서가"), ("과", "민서와")]
)
def test_from_a_label_in_latin_letters_either_form_is_taken(label, given, expected):
    assert with_particles("민서", re.fullmatch(re.escape(label) + NAME_PARTICLES, label + given)) == expected


@pytest.mark.parametrize("word", ["수빈당", "수빈이라던데", "수빈거리는"])
def test_what_is_no_particle_is_not_matched(word):
    assert matched("수빈", word) is None


def test_forms_whose_meaning_only_a_name_of_the_same_ending_keeps():
    assert needed_ending(matched("수빈", "수빈이")) == "consonant"
    assert needed_ending(matched("지호", "지호야")) == "vowel"
    for name, word in (("수빈", "수빈이는"), ("수빈", "수빈은"), ("수빈", "수빈"), ("지호", "지호가")):
        assert needed_ending(matched(name, word)) is None


def test_endings():
    assert [ending_of(name) for name in ("민서", "수민", "하율")] == ["vowel", "consonant", "consonant"]
