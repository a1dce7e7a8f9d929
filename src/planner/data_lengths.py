"""Lengths of a data file's examples, counted by the model's own tokenizer without transformers, once a content."""

import json
import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..config.schema import Config
from ..data.files.places import existing_file
from ..data.files.sources import load_dialogues
from ..data.prompt.prompts import augmented_instructions, prompt_arguments, refuse_instructions
from ..errors import YoyakError
from ..files import write_atomic
from ..resources import yoyak_home
from .lengths import Lengths, estimated_lengths, shipped_lengths, tokenizer_family
from .model_shape import ModelShape
from .shapes import cached_file

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from ..data.prompt.templates import PromptTemplate

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
    key = _key(config, place, tokenizer, family) if place is not None else None
    known = _read_cache(key) if key else None
    if known is None:
        known = _count(config, source, tokenizer, family)
        if key:
            with suppress(OSError):  # without a cache folder they are counted at each call
                _cache_path(key).parent.mkdir(parents=True, exist_ok=True)
                write_atomic(_cache_path(key), json.dumps(dict(zip(_CACHED, known, strict=True))))
    prompts, responses, own = known
    counted = "counted by the tokenizer" if tokenizer else f"estimated by characters ({family})"
    return Lengths(prompts, responses, f"{source}, {counted}", estimated=tokenizer is None, own=tuple(own))


def _key(config: Config, data: Path, tokenizer: Path | None, family: str) -> str:
    """Return a name for what decides the lengths: contents of data and tokenizer, and settings of data and prompt."""
    columns = config.data.model_dump(
        include={
            "dialogue_column", "summary_column", "id_column", "encoding", "records", "on_bad_rows", "dialogue_format"
        }
    )  # fmt: skip
    prompt = config.dataset.model_dump() | {"chat_template": config.model.chat_template, "family": family}
    digest = sha256(json.dumps([_VERSION, columns, prompt], sort_keys=True).encode())
    for path in (data, tokenizer):
        digest.update(sha256(path.read_bytes()).digest() if path else b"none")
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


def _count(config: Config, source: str, tokenizer: Path | None, family: str) -> _Counted:
    table = load_dialogues(source, config.data)
    refuse_instructions(source, table.rows[0].dialogue)
    dialogues, summaries = [row.dialogue for row in table.rows], [row.summary for row in table.rows]
    if tokenizer is None:
        found = estimated_lengths(dialogues, summaries, family, config.dataset.language, source)
        return list(found.prompts), list(found.responses), []
    template, *others = _templates(config, tokenizer)
    own = [one.own_tokens for one in (template, *others)]
    return template.prompt_lengths(dialogues), template.response_lengths(summaries), own


def _templates(config: Config, tokenizer: Path) -> "list[PromptTemplate]":
    """Return the prompt templates of a `tokenizer.json` with the augmentation's instructions, without transformers."""
    from tokenizers import Tokenizer

    from ..data.prompt.round_trip import refuse_lossy
    from ..data.prompt.templates import configured_prompt
    from ..data.prompt.text_encoder import TextEncoder

    try:
        backend = Tokenizer.from_file(str(tokenizer))
    except Exception as error:  # tokenizers raises nothing narrower
        raise YoyakError(f"{tokenizer}: can't be read as a tokenizer ({str(error).splitlines()[0]})") from None
    backend.no_truncation()
    backend.no_padding()
    stand_in = cast("PreTrainedTokenizerFast", _FileTokenizer(backend))
    layout = None if config.model.chat_template == "auto" else config.model.chat_template
    encoder = TextEncoder.of_backend(backend)
    refuse_lossy(encoder.encode_batch, backend)
    uncut = {"encoder_max_len": 1 << 30, "decoder_max_len": 1 << 30}
    sentences = augmented_instructions(config.dataset.language, prompt_arguments(config)["instruction"])
    others = {"chat_template": layout, "encoder": encoder, **uncut}
    return [configured_prompt(config, stand_in, **others, instruction=sentence) for sentence in sentences]


class _FileTokenizer:
    """What prompt templates ask of a tokenizer, answered by its file alone."""

    is_fast, chat_template, bos_token_id, pad_token_id = True, None, None, None

    def __init__(self, backend: Any) -> None:
        self.backend_tokenizer = backend
        added = backend.get_added_tokens_decoder()
        self._added = {token.content: number for number, token in added.items()}
        self.eos_token_id = min(self._added.values(), default=0)  # which one it is changes no length

    def get_added_vocab(self) -> dict[str, int]:
        return self._added

    def convert_tokens_to_ids(self, token: str) -> int | None:
        number: int | None = self.backend_tokenizer.token_to_id(token)
        return number
