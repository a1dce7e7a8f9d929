"""What a checkpoint's files say about generating: its end tokens, which count, and its wishes, which don't."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.schema import ModelSettings
from ..errors import YoyakError
from ..planner.positions import model_positions
from .config_limits import refuse_endless

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedTokenizerFast

_FILE = "generation_config.json"

# Wishes about how tokens are chosen and when a text ends, with the values that ask for nothing.
_WISHES: dict[str, tuple[object, ...]] = {
    **dict.fromkeys(("do_sample",), (False,)),
    **dict.fromkeys(("temperature", "top_p", "typical_p", "repetition_penalty", "encoder_repetition_penalty"), (1,)),
    **dict.fromkeys(("length_penalty", "num_beams", "num_beam_groups", "num_return_sequences", "guidance_scale"), (1,)),
    **dict.fromkeys(("min_p", "top_k", "top_h", "epsilon_cutoff", "eta_cutoff", "diversity_penalty"), (0,)),
    **dict.fromkeys(("no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "penalty_alpha"), (0,)),
    **dict.fromkeys(("min_length", "min_new_tokens", "max_time", "early_stopping"), (0, False)),
    **dict.fromkeys(("max_length", "max_new_tokens", "forced_bos_token_id", "forced_eos_token_id"), ()),
    **dict.fromkeys(("suppress_tokens", "begin_suppress_tokens", "bad_words_ids", "sequence_bias"), ([], {})),
    **dict.fromkeys(("exponential_decay_length_penalty", "force_words_ids", "constraints", "stop_strings"), ([], "")),
    **dict.fromkeys(("renormalize_logits", "remove_invalid_values", "token_healing", "dola_layers"), (False,)),
    **dict.fromkeys(("watermarking_config", "cache_implementation", "use_mtp", "custom_generate"), ({}, False)),
}


class CheckpointGeneration:
    """What a checkpoint's `generation_config.json` and `config.json` say about generating.

    `wishes` are what they ask for in vain, as `name=value`, for `generation.*` decides alone; `notes` are it in words.
    """

    def __init__(self, checkpoint: str, model: ModelSettings, say: Callable[[str], None] = lambda _: None) -> None:
        """Read both files of a folder, or of a hub's checkpoint, and `say` what of them is ignored.

        Raises:
            YoyakError: a file is broken, or names no token ids as the ends.
        """
        self._places = {name: checkpoint_json(checkpoint, name, model.revision) for name in (_FILE, "config.json")}
        refuse_endless(checkpoint, self.model_config)
        self.wishes = [
            f"{name}={json.dumps(content[name])}"
            for content in self._places.values()
            for name, neutral in _WISHES.items()
            if content.get(name) is not None and content[name] not in neutral
        ]
        asked = ", ".join(self.wishes)
        self.notes = [f"The checkpoint asks for {asked}; generation.* decides alone"] if asked else []
        for note in self.notes:
            say(note)

    def resolved(self, tokenizer: "PreTrainedTokenizerFast") -> dict[str, object]:
        """Return what a run records."""
        return {
            "model_positions": model_positions(self.model_config),
            "end_token_ids": self.end_ids(tokenizer),
            "ignored_generation_wishes": self.wishes,
        }

    @property
    def model_config(self) -> dict[str, Any]:
        """Return what config.json holds."""
        return self._places["config.json"]

    def end_ids(self, tokenizer: "PreTrainedTokenizerFast") -> list[int]:
        """Return all tokens that end the model's texts: those of both files, and the tokenizer's end token."""
        found = self.stated_end_ids()
        if tokenizer.eos_token_id is not None:
            found.append(int(tokenizer.eos_token_id))
        return list(dict.fromkeys(found))

    def stated_end_ids(self) -> list[int]:
        """Return the end tokens of both files; YoyakError where one names others than token ids."""
        found: list[int] = []
        for name, content in self._places.items():
            parts = [content, content.get("text_config")]  # of models that see or hear, too
            for part in parts:
                if isinstance(part, dict):
                    found += _ids(part.get("eos_token_id"), name)
        return found

    def plain_config(self, tokenizer: "PreTrainedTokenizerFast") -> "GenerationConfig":
        """Return transformers' settings with the special tokens alone."""
        from transformers import GenerationConfig

        return GenerationConfig(
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=self.end_ids(tokenizer) or None,
            pad_token_id=tokenizer.pad_token_id,
        )


def end_ids_of(model: Any, end_id: int) -> list[int]:
    """Return the tokens that end a summary: the prompt's own first, then those of a loaded model."""
    ends = model.generation_config.eos_token_id
    more = [] if ends is None else [ends] if isinstance(ends, int) else ends
    return list(dict.fromkeys([end_id, *map(int, more)]))


def _ids(value: Any, file: str) -> list[int]:
    listed = value if isinstance(value, list) else [] if value is None else [value]
    if any(type(item) is not int for item in listed):
        raise YoyakError(f"{file} of the checkpoint: eos_token_id = {json.dumps(value)}: must be token ids; mend it")
    return [item for item in listed if item >= 0]  # some write -1 for none


def checkpoint_json(checkpoint: str, name: str, revision: str | None = None) -> dict[str, Any]:
    """Return what a JSON file of a checkpoint (a folder, or a hub's) holds; nothing where there is no such file.

    Raises:
        YoyakError: the file is broken.
    """
    path = _path(checkpoint, name, revision)
    if path is None or not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).partition(":")[0]
        raise YoyakError(f"model.checkpoint = {checkpoint}: can't be loaded: {name}: {reason}; get it again") from None
    if not isinstance(content, dict):
        raise YoyakError(f"model.checkpoint = {checkpoint}: can't be loaded: {name} holds no settings; get it again")
    return content


def _path(checkpoint: str, name: str, revision: str | None) -> Path | None:
    """Return a checkpoint's file in its folder or in the hub's cache, fetched where it is not there yet."""
    if Path(checkpoint).is_dir():
        return Path(checkpoint) / name
    from transformers.utils import cached_file

    options: dict[str, Any] = {
        "revision": revision,
        "_raise_exceptions_for_gated_repo": False,
        "_raise_exceptions_for_missing_entries": False,
        "_raise_exceptions_for_connection_errors": False,
    }
    found = cached_file(checkpoint, name, **options)
    return Path(found) if found else None
