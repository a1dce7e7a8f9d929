"""Ids as text: spaces stay where the model wrote them."""

import pytest

from src.inference.decoding import answer_text, before_end, length_to_end, summary_text
from src.tests.real_tokenizers import smollm2_tokenizer
from src.tests.tiny_models import END, tiny_tokenizer

TEXT = " Yes , I do n't know . 네 , 그래요 ? "


@pytest.mark.parametrize("make", [tiny_tokenizer, smollm2_tokenizer])
def test_spaces_before_punctuation_stay(make):
    """Also where the tokenizer asks to drop them, and means it."""
    tokenizer = make()
    ids = tokenizer(TEXT, add_special_tokens=False).input_ids
    tokenizer.clean_up_tokenization_spaces = True
    tokenizer.clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output = True
    assert tokenizer.decode(ids) != TEXT
    assert summary_text(tokenizer, ids) == TEXT


def test_control_tokens_are_no_text():
    tokenizer = tiny_tokenizer()
    assert summary_text(tokenizer, [*tokenizer("a", add_special_tokens=False).input_ids, 256]) == "a"
    assert tokenizer.convert_ids_to_tokens(256) == END


def test_a_summary_is_what_stands_before_the_first_of_its_ends():
    assert (length_to_end([5, 6, 2, 7, 0], (0, 2)), before_end([5, 6, 2, 7, 0], (0, 2))) == (3, [5, 6])
    assert (length_to_end([5, 6], (0, 2)), before_end([5, 6], (0, 2))) == (2, [5, 6])
    assert (length_to_end([2], (0, 2)), before_end([2], (0, 2))) == (1, [])
    assert (length_to_end([], (0, 2)), before_end([], (0, 2))) == (0, [])


def test_white_space_that_a_tokenizer_calls_special_is_text():
    tokenizer = tiny_tokenizer(("\n\n", "<x>"))
    first, last = (tokenizer(text, add_special_tokens=False).input_ids for text in "ab")
    assert tokenizer.convert_ids_to_tokens([257, 258]) == ["\n\n", "<x>"]
    assert summary_text(tokenizer, [*first, 257, 258, *last]) == "a\n\nb"


def test_half_a_character_at_a_limit_is_left_out():
    """Korean summaries that ran into their limit ended with U+FFFD, in files and in answers."""
    tokenizer = tiny_tokenizer()
    ids = tokenizer("다음 대", add_special_tokens=False).input_ids
    assert answer_text(tokenizer, ids[:-1], (256,)) == answer_text(tokenizer, ids[:-2], (256,)) == "다음"
    assert answer_text(tokenizer, ids, (256,)) == "다음 대"
    spaced = tokenizer(" 다음 대\n", add_special_tokens=False).input_ids
    assert answer_text(tokenizer, [*spaced, 256], (256,)) == "다음 대"
    assert answer_text(tokenizer, [*ids[:-1], 256], (256,)) == "다음 \ufffd"  # what the model ended itself
