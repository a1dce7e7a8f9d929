"""A tokenizer as GGUF metadata: tokens, their kinds, merges or scores, how text is split before that, special ids."""

import json
import re
from collections.abc import Sequence
from typing import Any

import gguf

from ..architectures import TOKENIZERS
from ..errors import YoyakError

_TEKKEN = (  # of Mistral's newer models
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SPLITS = dict(tokenizer.split for tokenizer in TOKENIZERS.values() if tokenizer.split) | {_TEKKEN: "tekken"}
_BYTE = re.compile("<0x[0-9A-F]{2}>")
_SPACE = "\u2581"  # what SentencePiece writes for a space


def pre_tokenizer_name(state: dict[str, Any]) -> str:
    """Return llama.cpp's name for how a tokenizer, the content of a tokenizer.json, splits text before it merges.

    Raises:
        YoyakError: no byte-level BPE, or a way of splitting that has no known name.
    """
    kind = state["model"]["type"]
    if kind != "BPE" or state["model"].get("byte_fallback"):
        raise YoyakError(
            f"GGUF: the tokenizer is {kind} of another kind; only byte-level BPE and Gemma's kind are written here"
        )
    splitter = state.get("pre_tokenizer") or {}
    steps = splitter.get("pretokenizers", [splitter])
    if not steps or steps[-1].get("type") != "ByteLevel" or steps[-1].get("add_prefix_space"):
        raise YoyakError("GGUF: the tokenizer is no byte-level BPE without a space before the text")
    by_gpt2, before = bool(steps[-1].get("use_regex", True)), steps[:-1]
    if by_gpt2 and not before:
        return "gpt-2"
    if by_gpt2 and [step["type"] for step in before] == ["Digits"] and before[0].get("individual_digits"):
        return "smollm"
    if not by_gpt2 and len(before) == 1 and before[0]["type"] == "Split":
        name = _SPLITS.get(before[0]["pattern"].get("Regex", ""))
        if name:
            return name
    if not state["model"]["merges"]:
        return "gpt-2"  # without merges each byte is a token, however text is split
    raise YoyakError("GGUF: llama.cpp has no known name for how this tokenizer splits text; export merged instead")


def refuse_tokenizer(tokenizer: Any) -> None:
    """Raise YoyakError for a tokenizer that llama.cpp has no name for."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    if not is_sentencepiece(state):
        pre_tokenizer_name(state)


def is_sentencepiece(state: dict[str, Any]) -> bool:
    """Tell whether a tokenizer merges characters, and what is in no token falls back to bytes, as Gemma's does.

    One that puts a space before a text (Llama 2's, Mistral's first ones) is none: it does so before each part that is
    encoded by itself, and llama.cpp once before them all.
    """
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE}
    return bool(
        state["model"]["type"] == "BPE" and state["model"].get("byte_fallback") and state.get("normalizer") == spaces
    ) and _keeps_whole(state.get("pre_tokenizer"))


def _keeps_whole(splitter: dict[str, Any] | None) -> bool:
    """Tell whether a text is not split before it merges: no space is left to split at."""
    return splitter is None or (
        splitter["type"] == "Split" and splitter["pattern"] == {"String": " "} and not splitter["invert"]
    )


def piece_scores(state: dict[str, Any], rows: int) -> list[float]:
    """Return what llama.cpp merges SentencePiece's tokens by: of two neighbours those first whose sum scores higher.

    A token's score is that of the first merge which makes it, those that no merge makes come last.
    """
    vocabulary, merges = state["model"]["vocab"], state["model"]["merges"]
    scores = [-float(len(merges))] * rows
    for rank in reversed(range(len(merges))):
        pair = merges[rank].split(" ") if isinstance(merges[rank], str) else merges[rank]
        scores[vocabulary["".join(pair)]] = -float(rank)
    return scores


def add_tokenizer(
    writer: gguf.GGUFWriter,
    tokenizer: Any,
    rows: int,
    *,
    end_id: int,
    add_bos: bool,
    chat_template: str | None,
    more_ends: Sequence[int] = (),
) -> None:
    """Add the metadata of a fast tokenizer (byte-level BPE, or SentencePiece's) to a GGUF file under way.

    Args:
        writer: of the file.
        tokenizer: of the model.
        rows: of the embedding; those without a token get a placeholder.
        end_id: the token that ends a summary, for llama.cpp the end of a generation.
        add_bos: whether the training prompts start with BOS.
        chat_template: in Jinja.
        more_ends: other tokens that end a summary; the format has room for two, llama.cpp knows usual ones by name.
    """
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    of_pieces = is_sentencepiece(state)
    name = "default" if of_pieces else pre_tokenizer_name(state)
    tokens, kinds = _tokens(tokenizer, state, rows, of_pieces)
    writer.add_tokenizer_model("llama" if of_pieces else "gpt2")
    writer.add_tokenizer_pre(name)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    if of_pieces:
        writer.add_token_scores(piece_scores(state, rows))
    else:
        merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in state["model"]["merges"]]
        if merges:  # GGUFWriter refuses an empty list
            writer.add_token_merges(merges)
    ids = {"bos": tokenizer.bos_token_id, "unk": tokenizer.unk_token_id, "pad": tokenizer.pad_token_id}
    for role, token_id in ids.items():
        if token_id is not None:
            getattr(writer, f"add_{role}_token_id")(token_id)
    writer.add_eos_token_id(end_id)
    writer.add_eot_token_id(more_ends[0] if more_ends else end_id)
    if len(more_ends) > 1:
        writer.add_eom_token_id(more_ends[1])
    writer.add_add_bos_token(add_bos)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    if chat_template is not None:
        writer.add_chat_template(chat_template)


def _tokens(
    tokenizer: Any, state: dict[str, Any], rows: int, of_pieces: bool
) -> tuple[list[str], list[gguf.TokenType]]:
    """Return the text and the kind of each id of the embedding."""
    by_id = {index: token for token, index in tokenizer.get_vocab().items()}
    added = {token["id"]: token for token in state["added_tokens"]}
    tokens, kinds = [], []
    for index in range(rows):
        token = by_id.get(index)
        if token is None:
            tokens.append(f"[PAD{index}]")
            kinds.append(gguf.TokenType.UNUSED)
            continue
        tokens.append(token)
        if of_pieces and token == state["model"].get("unk_token"):
            kinds.append(gguf.TokenType.UNKNOWN)
        elif of_pieces and _BYTE.fullmatch(token):
            kinds.append(gguf.TokenType.BYTE)
        elif index not in added:
            kinds.append(gguf.TokenType.NORMAL)
        elif added[index]["special"] or (token.startswith("<|") and token.endswith("|>")):
            kinds.append(gguf.TokenType.CONTROL)
        else:
            kinds.append(gguf.TokenType.USER_DEFINED)
    return tokens, kinds
