"""Lengths of a data file's examples, counted by the model's own tokenizer without transformers, once a content."""

import json
import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from ..config.schema import Config
from ..data.files.places import existing_file
from ..data.files.sources import load_dialogues
from ..data.prompt.prompts import refuse_instructions
from ..files import write_atomic
from ..resources import yoyak_home
from .file_templates import TEMPLATE_FILES, file_templates
from .lengths import Lengths, estimated_lengths, shipped_lengths, tokenizer_family
from .model_shape import ModelShape
from .shapes import cached_file

_VERSION = 3  # of what is cached
_CACHED = ("prompts", "responses", "own")
SHIPPED_EVALUATION = 499

_Counted = tuple[list[int], list[int], list[int]]
"""Tokens of each prompt and response, and of a prompt's own text under each instruction."""


def data_lengths(config: Config, shape: ModelShape, split: str, named: bool) -> Lengths:
    """Return the lengths of `data.train` or `data.eval`; the shipped histogram where the file is absent, and not named.

    Raises:
        YoyakError: a named file that is missing, or rows that can't be used.
    """
    source = config.data.train if split == "train" else config.data.eval
    family = tokenizer_family(shape, config.model.chat_template)
    if not named and not source.startswith(("sample:", "hub:")) and not os.path.isfile(os.path.expanduser(source)):
        return shipped_lengths(family, None if split == "train" else SHIPPED_EVALUATION)
    tokenizer = cached_file(config.model.checkpoint, "tokenizer.json")
    place = None if source.startswith("hub:") else existing_file(source)
    key = _key(config, place, tokenizer, family, shape.kind) if place is not None else None
    known = _read_cache(key) if key else None
    if known is None:
        known = _count(config, source, tokenizer, family, shape.kind)
        if key:
            with suppress(OSError):  # without a cache folder they are counted at each call
                _cache_path(key).parent.mkdir(parents=True, exist_ok=True)
                write_atomic(_cache_path(key), json.dumps(dict(zip(_CACHED, known, strict=True))))
    prompts, responses, own = known
    counted = "counted by the tokenizer" if tokenizer else f"estimated by characters ({family})"
    return Lengths(prompts, responses, f"{source}, {counted}", estimated=tokenizer is None, own=tuple(own))


def _key(config: Config, data: Path, tokenizer: Path | None, family: str, kind: str) -> str:
    """Return a name for what decides the lengths: contents of data and tokenizer, and settings of data and prompt."""
    columns = config.data.model_dump(
        include={
            "dialogue_column", "summary_column", "id_column", "encoding", "records", "on_bad_rows", "dialogue_format"
        }
    )  # fmt: skip
    prompt = config.dataset.model_dump() | {"chat_template": config.model.chat_template, "family": family, "kind": kind}
    digest = sha256(json.dumps([_VERSION, columns, prompt], sort_keys=True).encode())
    for path in (data, tokenizer, *(tokenizer.with_name(name) for name in TEMPLATE_FILES if tokenizer)):
        digest.update(sha256(path.read_bytes()).digest() if path and path.is_file() else b"none")
    return digest.hexdigest()[:32]


def _cache_path(key: str) -> Path:
    return yoyak_home() / "lengths" / f"{key}.json"


def _read_cache(key: str) -> _Counted | None:
    try:
        content = json.loads(_cache_path(key).read_text(encoding="utf-8"))
        prompts, responses, own = (content[name] for name in _CACHED)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (prompts, responses, own) if prompts and len(prompts) == len(responses) else None


def _count(config: Config, source: str, tokenizer: Path | None, family: str, kind: str) -> _Counted:
    table = load_dialogues(source, config.data)
    refuse_instructions(source, table.rows[0].dialogue)
    dialogues, summaries = [row.dialogue for row in table.rows], [row.summary for row in table.rows]
    if tokenizer is None:
        found = estimated_lengths(dialogues, summaries, family, config.dataset.language, source)
        return list(found.prompts), list(found.responses), []
    template, *others = file_templates(config, tokenizer, kind)
    own = [one.own_tokens for one in (template, *others)]
    return template.prompt_lengths(dialogues), template.response_lengths(summaries), own
