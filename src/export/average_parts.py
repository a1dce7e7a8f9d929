"""What models must have in common to be averaged, as their files tell it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import YoyakError
from .adapter_file import AdapterFile

_NOT_AVERAGED = (
    "use_dora", "lora_bias", "target_parameters", "alora_invocation_tokens", "layer_replication", "use_bdlora",
    "use_qalora",
)  # fmt: skip
_NO_MATTER = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "use_cache")
"""Of a model's config.json, besides ids of tokens."""


def refuse_unlike_models(folders: Sequence[Path]) -> None:
    """Raise YoyakError where folders don't hold several models of one kind, make and vocabulary; no weights read."""
    first = folders[0]
    if len(folders) < 2:
        raise YoyakError(f"{first}: a mean is one of two models or more")
    is_adapter = (first / "adapter_config.json").is_file()
    seen: set[Path] = set()
    for folder in folders:
        if folder.resolve() in seen:
            raise YoyakError(f"{folder}: is named twice")
        seen.add(folder.resolve())
        if (folder / "adapter_config.json").is_file() != is_adapter:
            whole, adapter = (folder, first) if is_adapter else (first, folder)
            raise YoyakError(f"{whole}: can't be averaged with {adapter}: one is a whole model, the other an adapter")
        if not is_adapter:
            _refuse_other_make(folder, first)
        vocabularies = [_vocabulary(one) for one in (folder, first)]
        if None not in vocabularies and vocabularies[0] != vocabularies[1]:
            raise YoyakError(f"{folder}: can't be averaged with {first}: its tokenizer has other tokens")


def _refuse_other_make(folder: Path, first: Path) -> None:
    """Raise YoyakError where a whole model computes otherwise than the first one, or its weights are no plain ones."""
    theirs, ours = _config(folder), _config(first)
    if theirs.get("quantization_config"):
        raise YoyakError(f"{folder}: can't be averaged: its weights are quantized")
    for name in sorted(theirs.keys() | ours.keys()):
        if name not in _NO_MATTER and not name.endswith("token_id") and theirs.get(name) != ours.get(name):
            raise YoyakError(f"{folder}: can't be averaged with {first}: {name} in config.json differs")


def _config(folder: Path) -> dict[str, Any]:
    found = _json(folder / "config.json")
    return found if isinstance(found, dict) else {}


def _vocabulary(folder: Path) -> Any:
    """Return what stands for which ids in a folder's tokenizer; None where that is not known."""
    found = _json(folder / "tokenizer.json")
    try:
        return found["model"]["vocab"], {token["content"]: token["id"] for token in found["added_tokens"]}
    except (LookupError, TypeError):
        return None


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def refuse_unlike_adapter(adapter: AdapterFile, first: AdapterFile) -> None:
    """Raise YoyakError where an adapter is no plain product, or has other parts than the first one."""
    odd = next((name for name in _NOT_AVERAGED if adapter.settings.get(name)), adapter.changed_base)
    odd = odd or next((name for name in adapter.others if "lora_" in name), None)
    if odd:
        raise YoyakError(f"{adapter.folder}: can't be averaged: {odd}; average what --to merged makes of each")
    pair = f"{adapter.folder}: can't be averaged with {first.folder}"
    shapes = [{layer: (a.shape[1], b.shape[0]) for layer, (a, b) in one.factors.items()} for one in (adapter, first)]
    if shapes[0] != shapes[1]:
        raise YoyakError(f"{pair}: other layers have adapters")
    rows = [one.settings.get("trainable_token_indices") for one in (adapter, first)]
    if adapter.others != first.others or rows[0] != rows[1]:
        raise YoyakError(f"{pair}: what was trained beside the layers' adapters differs")


def refuse_same_weights(folder: Path, other: Path) -> None:
    """Raise YoyakError: two models turned out to be one, whose mean is itself."""
    raise YoyakError(
        f"{folder}: has the same weights as {other}, so their mean is what each is; train it with another training.seed"
    )
