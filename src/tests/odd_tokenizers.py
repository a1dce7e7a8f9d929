"""Tiny tokenizers of other kinds than byte-level BPE: as sentencepiece's and BERT's are, lossless by their bytes."""

from typing import Literal

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

OddKind = Literal["gemma", "first", "always", "prepend", "unigram", "wordpiece"]
ODD_KINDS: tuple[OddKind, ...] = ("gemma", "first", "always", "prepend", "unigram", "wordpiece")

GEMMA_CHAT = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    "{{ m['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
INST_CHAT = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]"
    "{% else %} {{ m['content'] }}</s>{% endif %}{% endfor %}"
)

# Ids: 0 to 3 are these, 4 to 259 the bytes, 260 to 352 `▁` and the printable ASCII characters but the space.
_FIRST = ["<pad>", "</s>", "<s>", "<unk>"]
_CHARACTERS = ["▁", *map(chr, range(33, 127))]
_GEMMA = ["<start_of_turn>", "<end_of_turn>", "<unused12>"]
_INST = ["[INST]", "[/INST]", "<|im_start|>", "<|im_end|>"]
_TEXT = ["\n", "\n\n", "▁▁", "<table>", "</table>"]  # Gemma's user-defined symbols, learnt with the text


def odd_tokenizer(kind: OddKind, adds_bos: bool = True) -> PreTrainedTokenizerFast:
    """Return a new tokenizer whose own vocabulary holds its control tokens, where text can reach `<s>` and more.

    `gemma`: BPE with newlines, runs of spaces and `<table>` as added tokens that are not special. `first`, `always`:
    BPE that puts a space before the first text, or before each; `prepend`: before each, as a normalizer. `unigram`:
    Unigram that puts one before the first. `wordpiece`: BERT's model over bytes.
    """
    special = [*_FIRST, *(_GEMMA if kind == "gemma" else _INST)]
    text = _TEXT if kind == "gemma" else []
    backend = _wordpiece(special) if kind == "wordpiece" else _by_characters(kind, special, text)
    backend.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    backend.add_tokens([AddedToken(token, normalized=False) for token in text])
    if adds_bos:
        bos = backend.token_to_id("<s>")
        backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", bos)])
    roles = {"pad_token": "<pad>", "eos_token": "</s>", "bos_token": "<s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, chat_template=GEMMA_CHAT if kind == "gemma" else INST_CHAT, **roles
    )


def _by_characters(kind: OddKind, special: list[str], text: list[str]) -> Tokenizer:
    pieces = [*_FIRST, *(f"<0x{byte:02X}>" for byte in range(256)), *_CHARACTERS]
    pieces += [piece for piece in ["▁t", "<s", *special, *text] if piece not in pieces]
    if kind == "unigram":
        scores = [0.0 if piece in special else -10.0 if piece in _CHARACTERS else -5.0 for piece in pieces]
        model = models.Unigram(list(zip(pieces, scores, strict=True)), unk_id=3, byte_fallback=True)
    else:
        merges = [("▁", "t"), ("<", "s"), ("<s", ">")]
        merges += [("\n", "\n"), ("▁", "▁")] if kind == "gemma" else []
        model = models.BPE(
            vocab={piece: number for number, piece in enumerate(pieces)},
            merges=merges,
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
        )
    backend = Tokenizer(model)
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if kind == "gemma":
        backend.normalizer = normalizers.Replace(" ", "▁")
        backend.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    elif kind == "prepend":
        backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        scheme = "always" if kind == "always" else "first"
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    backend.decoder = decoders.Sequence(steps if kind == "gemma" else [*steps, decoders.Strip(" ", 1, 0)])
    return backend


def _wordpiece(special: list[str]) -> Tokenizer:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    pieces = [*special, *letters, *(f"▁{letter}" for letter in letters)]
    backend = Tokenizer(
        models.WordPiece(
            vocab={piece: number for number, piece in enumerate(pieces)},
            unk_token="<unk>",
            continuing_subword_prefix="▁",
            max_input_chars_per_word=1 << 30,
        )
    )
    # Words begin at line ends here: at each, a control token could begin.
    lines = pre_tokenizers.Split(Regex("\n"), "merged_with_previous")
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [lines, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    # WordPiece's own decoder puts a space before each word.
    backend.decoder = decoders.Sequence([decoders.Replace("▁", ""), decoders.ByteLevel()])
    return backend
