"""How many positions a model was made for, from its `config.json`; no torch."""

from collections.abc import Iterable
from typing import Any

from ..bilingual import count
from ..config.schema import TokenizerSettings
from ..errors import YoyakError

# Models that look positions up in a table, or have computed one (MPT), beyond which there is nothing to read; the
# others compute them as they go (rotary, ALiBi) or have none.
_WITH_TABLES = {
    "bart", "bert", "bert-generation", "big_bird", "bigbird_pegasus", "biogpt", "blenderbot", "blenderbot-small",
    "camembert", "codegen", "ctrl", "data2vec-text", "electra", "ernie", "gpt-sw3", "gpt2", "gpt_bigcode", "gpt_neo",
    "gptj", "marian", "mbart", "megatron-bert", "mpt", "mvp", "openai-gpt", "opt", "pegasus", "plbart", "prophetnet",
    "rembert", "roberta", "roberta-prelayernorm", "roc_bert", "roformer", "trocr", "xlm", "xlm-roberta",
    "xlm-roberta-xl", "xmod",
}  # fmt: skip
_BEHIND_PADDING = {
    "camembert", "data2vec-text", "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod",
}  # fmt: skip
"""Of them, models whose first position is the row behind the padding token's."""
_NAMES = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")  # the first that is there counts
_SCALED = ("linear", "dynamic", "yarn")  # kinds of scaling where `max_position_embeddings` may be that before scaling


def model_positions(config: dict[str, Any]) -> int | None:
    """Return how many positions a model was made for, with the scaling of its rotations; None where nothing says so."""
    text = config.get("text_config")
    inner = text if isinstance(text, dict) else config
    found = [int(inner[name]) for name in _NAMES if type(inner.get(name)) is int and inner[name] > 0]
    limit = found[0] if found else None
    if limit is not None and inner.get("model_type") in _BEHIND_PADDING:
        padding = inner.get("pad_token_id", 1)  # what their classes take where it isn't written
        return limit - padding - 1 if type(padding) is int else limit
    rope = inner.get("rope_parameters") or inner.get("rope_scaling")
    if limit is None or not isinstance(rope, dict) or rope.get("rope_type", rope.get("type")) not in _SCALED:
        return limit
    factor, original = rope.get("factor"), rope.get("original_max_position_embeddings")
    if not isinstance(factor, int | float) or isinstance(factor, bool):
        return limit
    return max(limit, int((original if type(original) is int else limit) * factor))


def has_position_table(model_type: str) -> bool:
    """Tell whether models of a type look positions up in a table."""
    return model_type in _WITH_TABLES


def check_positions(config: dict[str, Any], checkpoint: str, lengths: TokenizerSettings) -> str | None:
    """Return a warning where prompt and summary together may take more positions than the model was made for.

    Raises:
        YoyakError: the model has a table of positions that is too short, so it would fail or read something else.
    """
    limit = model_positions(config)
    if limit is None or not has_position_table(str(config.get("model_type"))):
        return position_warning(limit, lengths)
    if lengths.encoder_max_len + lengths.decoder_max_len > limit:
        raise YoyakError(
            f"model.checkpoint = {checkpoint}: the model has {limit} positions, and {_sum_of(lengths)}; "
            f"use {_shorter(limit, lengths)}"
        )
    return None


def position_warning(limit: int | None, lengths: TokenizerSettings) -> str | None:
    """Return what to say where prompt and summary together may take more than `limit` positions; None where not."""
    if limit is None or lengths.encoder_max_len + lengths.decoder_max_len <= limit:
        return None
    return (
        f"The model was made for {limit} positions, and {_sum_of(lengths)}: longer texts than it has seen get worse "
        f"summaries; {_shorter(limit, lengths)} keeps within"
    )


def _sum_of(lengths: TokenizerSettings) -> str:
    prompt, summary = lengths.encoder_max_len, lengths.decoder_max_len
    return f"tokenizer.encoder_max_len + decoder_max_len = {prompt} + {summary} = {prompt + summary}"


def _shorter(limit: int, lengths: TokenizerSettings) -> str:
    """Return settings that keep within `limit` positions."""
    summary = min(lengths.decoder_max_len, max(1, limit // 4))
    shorter = f"tokenizer.encoder_max_len={limit - summary}"
    if summary < lengths.decoder_max_len:
        shorter += f" tokenizer.decoder_max_len={summary}"
    return shorter


def check_example_lengths(config: dict[str, Any], checkpoint: str, examples: Iterable[tuple[int, int]]) -> str | None:
    """Return a warning where examples, their summaries whole, take more positions than the model was made for.

    `examples` are tokens of each, and those of its summary with the end token.

    Raises:
        YoyakError: the model has a table of positions that is too short.
    """
    limit = model_positions(config)
    longer = _longer(limit, examples)
    if limit is None or not longer or not has_position_table(str(config.get("model_type"))):
        return examples_warning(limit, longer)
    raise YoyakError(
        f"model.checkpoint = {checkpoint}: the model has {limit} positions, and {_how_long(limit, longer)}"
    )


def examples_warning(limit: int | None, examples: Iterable[tuple[int, int]]) -> str | None:
    """Return what to say where examples, tokens of each and of its summary, take more than `limit` positions."""
    longer = _longer(limit, examples)
    if limit is None or not longer:
        return None
    return f"The model was made for {limit} positions, and {_how_long(limit, longer)}"


def _longer(limit: int | None, examples: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    return [] if limit is None else [one for one in examples if one[0] > limit]


def _how_long(limit: int, longer: list[tuple[int, int]]) -> str:
    """Return how many examples take more than `limit` positions, and what to do about it."""
    most = limit - max(summary for _, summary in longer)  # for the prompt
    shorter = f", or set tokenizer.encoder_max_len={most}" if 2 * most >= limit else ""
    longest = max(tokens for tokens, _ in longer)
    return (
        f"{count(len(longer), 'example is', 'examples are')} longer, up to {longest} tokens, as summaries are trained "
        f"on whole; shorten such summaries{shorter}"
    )
