"""SentencePiece's tokenizers as GGUF, such as Gemma's: kinds, scores, and llama.cpp's tokens of the same text."""

import json
from pathlib import Path
from typing import Any

import gguf
import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from src.errors import YoyakError
from src.export.gguf_model import write_model_gguf
from src.export.gguf_tokenizer import is_sentencepiece, piece_scores, pre_tokenizer_name, refuse_tokenizer
from src.tests.export.llama_cpp_sync import native_tokens
from src.tests.export.small_models import small_model

SPACE = "\u2581"
FIRST = ["<pad>", "<eos>", "<bos>", "<unk>"]
LETTERS = [*"abc#:\n", SPACE, "요", "약"]
MERGES = [("a", "b"), (SPACE, "a"), ("ab", "c"), ("b", "c"), ("a", "bc"), (SPACE, SPACE), ("요", "약")]
MADE = ["ab", f"{SPACE}a", "abc", "bc", f"{SPACE}{SPACE}", "요약"]


def gemma_like(normalizer: Any = None, splitter: Any = None) -> PreTrainedTokenizerFast:
    """Return a tokenizer in the layout of Gemma's tokenizer.json: ids of bytes from 4, letters from 260."""
    tokens = [*FIRST, *(f"<0x{byte:02X}>" for byte in range(256)), *LETTERS, *MADE, "\n\n"]
    model = models.BPE(
        vocab={token: index for index, token in enumerate(tokens)},
        merges=MERGES,
        unk_token="<unk>",
        fuse_unk=True,
        byte_fallback=True,
    )
    backend = Tokenizer(model)
    backend.normalizer = normalizer or normalizers.Replace(" ", SPACE)
    backend.pre_tokenizer = splitter or pre_tokenizers.Split(" ", "merged_with_previous")
    backend.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    backend.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in FIRST])
    backend.add_tokens([AddedToken("\n\n", normalized=False)])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>"
    )


def state_of(tokenizer: Any) -> dict[str, Any]:
    return json.loads(tokenizer.backend_tokenizer.to_str())


def test_a_tokens_score_is_that_of_its_first_merge() -> None:
    scores = piece_scores(state_of(gemma_like()), 278)
    # ab, ▁a, abc (made twice), bc, ▁▁, 요약 and then what no merge makes, and rows without a token.
    assert scores[269:275] == [0.0, -1.0, -2.0, -3.0, -5.0, -6.0]
    assert set(scores[:269]) == set(scores[275:]) == {-7.0}


def test_kinds_and_ids_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, gemma_like())
    fields = {name: field.contents() for name, field in gguf.GGUFReader(path).fields.items()}
    expected = {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.bos_token_id": 2,
        "tokenizer.ggml.eos_token_id": 1,
        "tokenizer.ggml.unknown_token_id": 3,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_space_prefix": False,
    }
    assert {name: fields[name] for name in expected} == expected
    assert "tokenizer.ggml.merges" not in fields
    kinds = fields["tokenizer.ggml.token_type"]
    # control and unknown; bytes; normal; the blank line that the tokenizer looks for first; a row without a token
    assert kinds[:4] == [3, 3, 3, 2]
    assert set(kinds[4:260]) == {6}
    assert kinds[260:] == [1] * 15 + [4, 5]
    assert fields["tokenizer.ggml.tokens"][269:] == [*MADE, "\n\n", "[PAD276]"]


def write(folder: Path, tokenizer: Any) -> Path:
    model = small_model("gemma3_text", vocab_size=277)
    path = folder / "m.gguf"
    write_model_gguf(path, model, tokenizer, "f32", name="m", end_id=1, add_bos=True, chat_template=None)
    return path


def test_llama_cpp_reads_the_same_tokens(tmp_path: Path) -> None:
    tokenizer = gemma_like()
    texts = ["abc", "aabcc a  abab", "#a: 요약요약\n\n\nb", "é z", " ab"]
    assert tokenizer.encode("abc a", add_special_tokens=False) == [271, 270]
    expected = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    assert native_tokens(write(tmp_path, tokenizer), texts) == expected


@pytest.mark.parametrize(
    "other",
    [
        gemma_like(normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])),
        gemma_like(splitter=pre_tokenizers.Metaspace(SPACE, "first")),
        gemma_like(splitter=pre_tokenizers.Split(" ", "isolated", invert=True)),
        gemma_like(normalizers.NFC()),
    ],
    ids=["a space before", "a space before the first", "split at all but spaces", "spaces as they are"],
)
def test_others_are_refused(other: PreTrainedTokenizerFast) -> None:
    assert not is_sentencepiece(state_of(other))
    with pytest.raises(YoyakError, match=r"^GGUF: the tokenizer is BPE of another kind; only byte-level BPE"):
        refuse_tokenizer(other)
    with pytest.raises(YoyakError):
        pre_tokenizer_name(state_of(gemma_like()))
