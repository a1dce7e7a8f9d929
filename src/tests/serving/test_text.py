"""Text as it comes: the pieces of a stream add up to the whole summary, and no piece is taken back."""

import pytest

from src.serving.text import TextStream, decode
from src.tests.real_tokenizers import smollm2_tokenizer
from src.tests.tiny_models import tiny_tokenizer

END = 256


def ids_of(tokenizer, text):
    return tokenizer(text, add_special_tokens=False).input_ids


def pieces(tokenizer, ids, end_id=END):
    stream = TextStream(tokenizer, end_id)
    return [stream.piece(ids[:count], count == len(ids)) for count in range(1, len(ids) + 1)]


def test_a_hangul_syllable_comes_when_its_third_byte_does():
    tokenizer = tiny_tokenizer()
    assert pieces(tokenizer, [*ids_of(tokenizer, "네"), END]) == ["", "", "네", ""]


def test_white_space_waits_until_it_is_not_the_end():
    tokenizer = tiny_tokenizer()
    assert pieces(tokenizer, [*ids_of(tokenizer, "\n a \n b "), END]) == ["", "", "a", "", "", "", " \n b", "", ""]


def test_broken_bytes_are_shown_once_they_are_settled():
    tokenizer = tiny_tokenizer()
    broken = ids_of(tokenizer, "요")[:2]
    whole = [*broken, *ids_of(tokenizer, "a"), *broken]
    assert pieces(tokenizer, [*whole, END]) == ["", "", "\ufffda", "", "", "\ufffd"]
    assert pieces(tokenizer, whole) == ["", "", "\ufffda", "", ""]  # stopped within the character by its limit


def test_what_follows_the_end_token_is_not_text():
    tokenizer = tiny_tokenizer()
    assert decode(tokenizer, [*ids_of(tokenizer, " a "), END, *ids_of(tokenizer, "b")], END) == "a"


@pytest.mark.parametrize("text", ["민수는 3시에 병원에 간다.", "Anna 's lunch , at 1 ? 👩‍👩‍👧 ok", "a  b\n\n c\u3000d"])
def test_pieces_add_up_to_the_whole(text):
    tokenizer = smollm2_tokenizer()
    end_id = tokenizer.eos_token_id
    ids = [*ids_of(tokenizer, f" {text}\n"), end_id]
    assert "".join(pieces(tokenizer, ids, end_id)) == decode(tokenizer, ids, end_id) == text
