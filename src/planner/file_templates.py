"""The prompt templates of a checkpoint whose files are here, made of its `tokenizer.json` without torch."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..architectures import ARCHITECTURES, ChatLayout
from ..config.schema import Config
from ..data.prompt.layouts import layout_of
from ..data.prompt.prompts import augmented_instructions, prompt_arguments
from ..errors import YoyakError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    from ..data.prompt.templates import PromptTemplate

TEMPLATE_FILES = ("chat_template.jinja", "tokenizer_config.json")
"""Beside a `tokenizer.json`: where a chat template of its own is."""
_UNCUT = {"encoder_max_len": 1 << 30, "decoder_max_len": 1 << 30}


def file_templates(config: Config, tokenizer: Path, kind: str) -> "list[PromptTemplate]":
    """Return the prompt templates of a `tokenizer.json`, under the configured instruction and the augmentation's four.

    As in training, `model.chat_template` = auto is the tokenizer's own template where it has one; else it is the layout
    of its control tokens or, where it has none, that of models of this `kind`, whose control tokens are added.

    Raises:
        YoyakError: the file can't be read, or the prompt not be built.
    """
    from ..data.prompt.templates import configured_prompt
    from ..data.prompt.text_encoder import text_encoder

    if _by_its_own(config, tokenizer):
        known = _with_template(tokenizer.parent)
        others: dict[str, Any] = {"encoder": text_encoder(known)}
    else:
        known, others = _by_file_alone(config, tokenizer, kind)
    sentences = augmented_instructions(config.dataset.language, prompt_arguments(config)["instruction"])
    return [configured_prompt(config, known, **_UNCUT, **others, instruction=sentence) for sentence in sentences]


def added_control_tokens(config: Config, tokenizer: Path, kind: str) -> list[str]:
    """Return the control tokens that training adds to the tokens of a `tokenizer.json`, for models of this `kind`.

    Raises:
        YoyakError: the file can't be read.
    """
    if config.dataset.format_type != "chat" or _by_its_own(config, tokenizer):
        return []
    backend = _read(tokenizer)
    layout = _layout(config, cast("PreTrainedTokenizerFast", _FileTokenizer(backend)), kind)
    return [token for token in layout.control_tokens if backend.token_to_id(token) is None] if layout else []


def _by_its_own(config: Config, tokenizer: Path) -> bool:
    """Tell whether prompts are in the tokenizer's own chat template."""
    is_chat = config.dataset.format_type == "chat"
    return is_chat and config.model.chat_template == "auto" and _has_own(tokenizer.parent)


def _has_own(folder: Path) -> bool:
    """Tell whether a tokenizer has a chat template of its own."""
    by_file, by_config = (folder / name for name in TEMPLATE_FILES)
    if by_file.is_file():
        return True
    try:
        content = json.loads(by_config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and bool(content.get("chat_template"))


def _with_template(folder: Path) -> "PreTrainedTokenizerFast":
    """Return a folder's tokenizer as transformers loads it, which renders its chat template."""
    from transformers import PreTrainedTokenizerFast
    from transformers.utils import logging

    said = logging.get_verbosity()
    logging.set_verbosity_error()  # that its class has another name, which changes no token
    try:
        loaded: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # of whatever the files hold
        raise _unreadable(folder, error) from None
    finally:
        logging.set_verbosity(said)
    return loaded


def _by_file_alone(config: Config, tokenizer: Path, kind: str) -> "tuple[PreTrainedTokenizerFast, dict[str, Any]]":
    """Return what stands for a tokenizer, made without transformers, and what its prompt is built with."""
    from tokenizers import AddedToken

    from ..data.prompt.round_trip import refuse_lossy
    from ..data.prompt.text_encoder import TextEncoder

    backend = _read(tokenizer)
    backend.no_truncation()
    backend.no_padding()
    known = cast("PreTrainedTokenizerFast", _FileTokenizer(backend))
    layout = _layout(config, known, kind)
    if layout is not None and config.dataset.format_type == "chat":
        backend.add_special_tokens([AddedToken(token, normalized=False) for token in layout.control_tokens])
    encoder = TextEncoder.of_backend(backend)
    refuse_lossy(encoder.encode_batch, backend)
    return known, {"encoder": encoder, "chat_template": None if layout is None else layout.name}


def _layout(config: Config, known: "PreTrainedTokenizerFast", kind: str) -> ChatLayout | None:
    layout = layout_of(known, config.model.chat_template)
    return ARCHITECTURES[kind].layout if layout is None and kind in ARCHITECTURES else layout


def _read(tokenizer: Path) -> "Tokenizer":
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(tokenizer))
    except Exception as error:  # tokenizers raises nothing narrower
        raise _unreadable(tokenizer, error) from None


def _unreadable(place: Path, error: Exception) -> YoyakError:
    return YoyakError(f"{place}: can't be read as a tokenizer ({str(error).splitlines()[0]})")


class _FileTokenizer:
    """What prompt templates ask of a tokenizer, answered by its file alone."""

    is_fast, chat_template, bos_token_id, pad_token_id = True, None, None, None

    def __init__(self, backend: "Tokenizer") -> None:
        self.backend_tokenizer = backend
        added = backend.get_added_tokens_decoder()
        self._added = {token.content: number for number, token in added.items()}
        self.eos_token_id = min(self._added.values(), default=0)  # which one it is changes no length

    def get_added_vocab(self) -> dict[str, int]:
        return self._added

    def convert_tokens_to_ids(self, token: str) -> int | None:
        number: int | None = self.backend_tokenizer.token_to_id(token)
        return number
