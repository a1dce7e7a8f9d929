"""What a saved adapter's `adapter_config.json` may ask for, looked at before PEFT reads it."""

import json
import math
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from safetensors import safe_open

from ..bounds import TooMuchError, bounded
from ..config.effects import OF_A_NEW_ADAPTER
from ..config.schema import LoraSettings
from ..errors import YoyakError

_SAVED = {"alpha": "lora_alpha", "dropout": "lora_dropout"}
"""What PEFT calls settings of an adapter, where by another name."""
_MOST_BYTES = 1 << 20
"""Of the file; PEFT compares each name in it with each layer of the model."""
_MOST_ROUNDS = 1_000
"""Of an initialization that iterates."""
_LARGEST_SCALE = 1e6
_SMALL_RANK = 256
"""That may be asked for though less is stored: by a default that patterns leave to no layer."""

CHANGES_BASE = ("pissa", "olora")
"""Initializations that take the adapter's start out of the base weights."""


def refuse_on_4bit(init: object, where: str) -> None:
    """Raise YoyakError for an initialization that changes base weights, for use where these are in 4 bit."""
    if init in CHANGES_BASE:
        raise YoyakError(
            f"{where} = {init} changes the base weights, which 4 bit can't hold; "
            "set lora.use_qlora=false and name a 16-bit checkpoint, or set lora.init to default or eva"
        )


def refuse_no_adapter(folder: str | Path) -> None:
    """Raise YoyakError where a folder holds no adapter."""
    if not (Path(os.path.expanduser(folder)) / "adapter_config.json").is_file():
        raise YoyakError(f"{folder}: no adapter_config.json, so this is no adapter folder; name a run's final_model")


def read_adapter_config(folder: str, layers: Iterable[str]) -> dict[str, Any]:
    """Return what the adapter_config.json of a folder, which has both files of an adapter, holds.

    `layers` are the names of the model's layers, on which patterns are tried.

    Raises:
        YoyakError: it is no LoRA adapter's, or asks for what takes gigabytes, minutes or a stranger's code.
    """
    path = Path(os.path.expanduser(folder))
    file = path / "adapter_config.json"
    if file.stat().st_size > _MOST_BYTES:
        raise YoyakError(f"{folder}: adapter_config.json is larger than {_MOST_BYTES >> 20} MiB; get the adapter again")
    saved = json.loads(file.read_text(encoding="utf-8"))
    _refuse_other_methods(folder, saved)
    _refuse_rounds(folder, saved)
    _refuse_scales(folder, saved)
    _refuse_ranks(folder, saved, path / "adapter_model.safetensors")
    _refuse_patterns(folder, saved, list(layers))
    return dict(saved)


def saved_setting(folder: str | Path, name: str) -> Any:
    """Return a setting of the adapter_config.json in a folder; None where it has none or can't be read."""
    try:
        return json.loads((Path(os.path.expanduser(folder)) / "adapter_config.json").read_text(encoding="utf-8"))[name]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def settings_of_its_own(lora: LoraSettings) -> dict[str, Any]:
    """Return what the adapter of `lora.adapter` has otherwise than the settings of a new one, by their keys."""
    found = {}
    for name in OF_A_NEW_ADAPTER if lora.adapter is not None else ():
        wanted, own = getattr(lora, name), saved_setting(str(lora.adapter), _SAVED.get(name, name))
        if name == "target_modules":
            # Of others' adapters it may be a pattern, or whole names of layers.
            plain = isinstance(own, list) and not any("." in target for target in own)
            own = sorted(own) if plain and set(own) != set(wanted) else None
        if own is not None and own != wanted:
            found[name] = own
    return found


def refuse_typed(lora: LoraSettings, typed: Collection[str]) -> None:
    """Raise YoyakError for a typed setting of a new adapter that the one of `lora.adapter` has otherwise."""
    if lora.adapter is not None and "lora.init" in typed:
        raise YoyakError(f"lora.init: {lora.adapter} has its start already; leave it out")
    for name, own in settings_of_its_own(lora).items():
        if f"lora.{name}" in typed:
            raise YoyakError(f"lora.{name}: {lora.adapter} has {own}, and stays as it is; leave it out")


def _refuse_other_methods(folder: str, saved: Any) -> None:
    """Raise YoyakError for what other methods' configs can do: load further files, import modules by name."""
    if not isinstance(saved, dict):
        raise YoyakError(f"{folder}: adapter_config.json holds no settings; copy or train the adapter again")
    if saved.get("peft_type") != "LORA":
        raise YoyakError(f"{folder}: a {saved.get('peft_type')} adapter; only LoRA is loaded")
    if saved.get("megatron_config"):
        raise YoyakError(f"{folder}: adapter_config.json asks for Megatron's modules, which are not loaded here")
    if saved.get("layer_replication"):
        raise YoyakError(f"{folder}: adapter_config.json asks for layer_replication, which is not computed here")


def _refuse_rounds(folder: str, saved: dict[str, Any]) -> None:
    """Raise YoyakError for an initialization of endless rounds: PiSSA's by its name, LoftQ's by its settings."""
    loftq = saved.get("loftq_config")
    rounds = loftq.get("loftq_iter", 1) if isinstance(loftq, dict) else 1
    named = re.fullmatch(r"pissa_niter_(\d{1,9})", str(saved.get("init_lora_weights")))
    for name, value in (("loftq_config.loftq_iter", rounds), ("init_lora_weights", int(named[1]) if named else 1)):
        if not isinstance(value, int) or value > _MOST_ROUNDS:
            raise _asks(folder, name, value, f"{_MOST_ROUNDS:,} rounds at most")


def _refuse_scales(folder: str, saved: dict[str, Any]) -> None:
    for name, value in [("lora_alpha", saved.get("lora_alpha", 8)), *_entries(saved, "alpha_pattern")]:
        if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > _LARGEST_SCALE:
            raise _asks(folder, name, value, f"a number of {_LARGEST_SCALE:,.0f} at most is meant")


def _refuse_ranks(folder: str, saved: dict[str, Any], weights: Path) -> None:
    """Raise YoyakError for a rank above those of the stored matrices A: they would be made before they are compared."""
    with safe_open(weights, framework="pt") as file:
        names = [name for name in file.keys() if ".lora_A." in name or ".lora_embedding_A" in name]  # noqa: SIM118
        stored = max((file.get_slice(name).get_shape()[0] for name in names), default=0)
    for name, value in [("r", saved.get("r", 8)), *_entries(saved, "rank_pattern")]:
        if type(value) is not int or value > max(2 * stored, _SMALL_RANK):
            raise YoyakError(
                f"{folder}: the adapter does not fit its adapter_config.json: {name} = {_short(value)}, and the "
                f"largest rank that is stored is {stored}; get the adapter again"
            )


def _refuse_patterns(folder: str, saved: dict[str, Any], layers: Collection[str]) -> None:
    """Raise YoyakError for patterns that don't come to an end: each is tried on each layer's name, as PEFT will."""
    wholes = [saved[name] for name in ("target_modules", "exclude_modules") if isinstance(saved.get(name), str)]
    ends = [key for name in ("rank_pattern", "alpha_pattern") for key, _ in _entries(saved, name, "{key}")]
    listed = [saved.get("modules_to_save"), saved.get("layers_pattern")]
    inside = [str(item) for items in listed for item in (items if isinstance(items, list | dict) else [items]) if items]
    # Plain names come to an end, and EVA writes one a layer.
    ends, inside = ([item for item in items if not re.fullmatch(r"[\w.]+", item)] for items in (ends, inside))
    patterns = [*wholes, *(rf"(.*\.)?({key})$" for key in ends), *(rf"(^|.*\.){item}($|\..*)" for item in inside)]
    try:
        with bounded():
            for pattern in patterns:
                compiled = re.compile(pattern)
                for layer in layers:
                    compiled.match(layer)
    except TooMuchError as error:
        raise _asks(folder, "a pattern of layers' names", pattern, str(error)) from None
    except (re.error, OverflowError, RecursionError) as error:
        raise _asks(folder, "a pattern of layers' names", pattern, str(error)) from None


def _entries(saved: dict[str, Any], name: str, form: str = "{name}.{key}") -> list[tuple[str, Any]]:
    """Return the entries of a mapping of patterns, none where it is absent."""
    found = saved.get(name)
    return [(form.format(name=name, key=key), value) for key, value in found.items()] if isinstance(found, dict) else []


def _asks(folder: str, name: str, value: object, reason: str) -> YoyakError:
    return YoyakError(f"{folder}: adapter_config.json: {name} = {_short(value)}: {reason}; get the adapter again")


def _short(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."
