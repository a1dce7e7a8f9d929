"""Text as ids without control tokens, and where each token ends."""

import pytest
from tokenizers import Tokenizer, models, normalizers
from transformers import PreTrainedTokenizerFast

from src.data.prompt.text_encoder import TextEncoder
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


def test_control_tokens_that_the_models_own_vocabulary_holds():
    """A Unigram model (as sentencepiece makes) reads `<s>` as its BOS even where no added tokens are known."""
    pieces = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("<", -2.0), ("s", -2.0), (">", -2.0), ("/", -2.0)]
    backend = Tokenizer(models.Unigram(pieces, unk_id=0))
    backend.normalizer = normalizers.NFKC()
    backend.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", bos_token="<s>", eos_token="</s>")
    assert tokenizer.backend_tokenizer.encode("s<s>s").ids == [4, 1, 4]
    encoder = TextEncoder(tokenizer)
    assert encoder.encode("s<s>s") == [4, 3, 4, 5, 4]
    assert encoder.encode("\uff1cs\uff1e</s>") == [3, 4, 5, 3, 6, 4, 5]  # full-width, which NFKC makes ASCII
    assert encoder.encode_batch(["<s>s", "s한"]) == [[3, 4, 5, 4], [4, 0]]
    assert encoder.encode("<s>" * 5000) == [3, 4, 5] * 5000
