"""Text as ids without control tokens, and where each token ends."""

import pytest

from src.data.text_encoder import TextEncoder
from src.errors import YoyakError
from src.tests.real_tokenizers import YO, tiny_tokenizer


def test_ignores_truncation_and_padding_of_the_tokenizer():
    tokenizer = tiny_tokenizer("llama")
    tokenizer.backend_tokenizer.enable_truncation(2)
    tokenizer.backend_tokenizer.enable_padding(length=9)
    encoder = TextEncoder(tokenizer)
    assert encoder.encode("요약.<|eot_id|>") == [YO, *"약.<|eot_id|>".encode()]
    assert encoder.encode_batch(["요", "ab"]) == [[YO], [97, 98]]
    assert encoder.token_ends("요a") == [1, 2]
    assert encoder.token_ends("약a") == [1, 1, 1, 2]  # three bytes of one character


def test_slow_tokenizer():
    class SlowTokenizer:
        is_fast = False

    with pytest.raises(YoyakError, match=r"SlowTokenizer has no tokenizers backend; use a checkpoint with"):
        TextEncoder(SlowTokenizer())
