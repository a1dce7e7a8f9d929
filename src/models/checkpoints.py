"""Reading a base model from a folder or a hub by transformers; and the errors when it can't be had."""

import json
import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..config.schema import ModelSettings
from ..config.typed import typed
from ..errors import YoyakError, first_line
from .config_limits import refuse_endless
from .generation_settings import checkpoint_json

PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
"""Suffixes of files that can run code when loaded."""


def origin_arguments(model: ModelSettings) -> dict[str, Any]:
    """Return what every `from_pretrained` of a checkpoint is told: whose code runs, and which revision is meant.

    Said each time: where transformers is told nothing about code it asks on the terminal.
    """
    pinned = {} if model.revision is None else {"revision": model.revision}
    return {"trust_remote_code": model.trust_remote_code, **pinned}


def commit_of(checkpoint: str, revision: str | None) -> str | None:
    """Return the commit of a hub's checkpoint that was loaded, as its place in the cache tells; None for any other."""
    from huggingface_hub import try_to_load_from_cache

    if Path(checkpoint).is_dir():
        return None
    cached = try_to_load_from_cache(checkpoint, "config.json", revision=revision)
    return Path(cached).parent.name if isinstance(cached, str) else None


def pickled_weights(checkpoint: str, file: str, source: str) -> YoyakError:
    """Return the refusal of pickled weights, with the command that converts those whose maker one trusts."""
    target = f"{source.rstrip('/')}-safetensors"
    convert = (
        "from transformers import AutoModelForCausalLM as M, AutoTokenizer as T; "
        f"[C.from_pretrained({json.dumps(source)}, **a).save_pretrained({json.dumps(target)}) "
        'for C, a in ((M, {"use_safetensors": False}), (T, {}))]'
    )
    return YoyakError(
        f"model.checkpoint = {checkpoint}: {file} is pickled, which can run code when loaded; only safetensors are "
        f"loaded. If you trust its maker, convert it: python -c {shlex.quote(convert)} "
        f"and set {typed('model.checkpoint', target)}"
    )


def stored_in_4bit(checkpoint: str, config: Any, use_lora: bool) -> bool:
    """Tell whether a checkpoint is stored in bitsandbytes 4 bit, by its config.

    Raises:
        YoyakError: it is stored in another quantization, or in 4 bit where all weights would train.
    """
    parts = [config, config.get_text_config(decoder=True)]
    stored = next((found for part in parts if (found := getattr(part, "quantization_config", None))), None)
    return is_stored_in_4bit(checkpoint, stored or {}, use_lora)


def is_stored_in_4bit(checkpoint: str, stored: Mapping[str, Any], use_lora: bool) -> bool:
    """Return as `stored_in_4bit`, by what a config holds as its quantization, which may be nothing."""
    if not stored:
        return False
    if stored.get("quant_method") != "bitsandbytes" or not stored.get("load_in_4bit", stored.get("_load_in_4bit")):
        raise YoyakError(
            f"model.checkpoint = {checkpoint}: stored as {stored.get('quant_method')}, which can't be trained here; "
            "name the 16-bit checkpoint, or one in bitsandbytes 4 bit"
        )
    if not use_lora:
        raise YoyakError(
            f"model.checkpoint = {checkpoint}: stored in 4 bit, and 4-bit weights can't be trained; "
            "name the 16-bit checkpoint, or set lora.use_lora=true"
        )
    return True


def unreachable(checkpoint: str, error: Exception) -> YoyakError:
    """Return the error for a checkpoint that could not be loaded, with what to do about it."""
    if Path(checkpoint).is_dir():
        names = os.listdir(checkpoint)
        has_tokenizer = any(name.startswith(("tokenizer", "vocab")) or name.endswith(".model") for name in names)
        if "config.json" in names and not has_tokenizer:
            return YoyakError(
                f"model.checkpoint = {checkpoint}: holds no tokenizer; copy tokenizer.json and tokenizer_config.json "
                "of its base model into it"
            )
        return YoyakError(f"model.checkpoint = {checkpoint}: can't be loaded: {first_line(error)}")
    if "safetensors" in str(error):  # it was reached, and has other files
        return pickled_weights(checkpoint, "what it holds", checkpoint)
    why = "the hub is switched off (HF_HUB_OFFLINE)" if os.environ.get("HF_HUB_OFFLINE") == "1" else "no hub answers"
    return YoyakError(
        f"model.checkpoint = {checkpoint}: not a local folder, not in the cache, and {why} or has no such model; "
        "connect to a network, or use model.checkpoint=FOLDER or model.checkpoint=bundled:smollm2-135m"
    )


def load_from(checkpoint: str, loader: Callable[..., Any], **arguments: Any) -> Any:
    """Call a transformers `from_pretrained`, turning its many errors of reaching and reading into one line."""
    # Else transformers, finding only pickled weights on the hub, takes safetensors from a bot's unmerged request.
    os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "true"
    if os.path.isdir(checkpoint):
        refuse_endless(checkpoint, checkpoint_json(checkpoint, "config.json"))
    try:
        return loader(checkpoint, **arguments)
    except ImportError as error:
        wanted = arguments.get("attn_implementation", "")
        if "flash" in str(error).lower() and wanted.startswith("flash"):
            raise YoyakError(
                f"model.attn_implementation = {wanted}: flash_attn is not installed or finds no CUDA; use sdpa"
            ) from error
        raise
    except (OSError, ValueError, KeyError) as error:
        raise unreachable(checkpoint, error) from error
    except Exception as error:  # a damaged file raises whatever its parser raises
        if not os.path.isdir(checkpoint):
            raise
        first = (str(error).strip().splitlines() or [""])[0]
        raise YoyakError(
            f"model.checkpoint = {checkpoint}: can't be loaded: {type(error).__name__}: {first}; get it again"
        ) from error
