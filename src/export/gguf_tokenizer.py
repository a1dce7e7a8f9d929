"""A tokenizer as GGUF metadata: tokens, their kinds, merges, how text is split before merging, special ids."""

import json
from collections.abc import Sequence
from typing import Any

import gguf

from ..architectures import TOKENIZERS
from ..errors import YoyakError

_SPLITS = dict(tokenizer.split for tokenizer in TOKENIZERS.values() if tokenizer.split)


def pre_tokenizer_name(state: dict[str, Any]) -> str:
    """Return llama.cpp's name for how a tokenizer, the content of a tokenizer.json, splits text before it merges.

    Raises:
        YoyakError: no byte-level BPE, or a way of splitting that has no known name.
    """
    kind = state["model"]["type"]
    if kind != "BPE" or state["model"].get("byte_fallback"):
        raise YoyakError(f"GGUF: the tokenizer is {kind} of another kind; only byte-level BPE is written here")
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
    pre_tokenizer_name(json.loads(tokenizer.backend_tokenizer.to_str()))


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
    """Add the metadata of a fast tokenizer with byte-level BPE to a GGUF file under way.

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
    name = pre_tokenizer_name(state)
    tokens, kinds = _tokens(tokenizer, state, rows)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(name)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
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


def _tokens(tokenizer: Any, state: dict[str, Any], rows: int) -> tuple[list[str], list[gguf.TokenType]]:
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
        if index not in added:
            kinds.append(gguf.TokenType.NORMAL)
        elif added[index]["special"] or (token.startswith("<|") and token.endswith("|>")):
            kinds.append(gguf.TokenType.CONTROL)
        else:
            kinds.append(gguf.TokenType.USER_DEFINED)
    return tokens, kinds
