"""Where a base model comes from: bundled, a local folder, or a hub; and the errors when it can't be had."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import YoyakError
from .bundled import PREFIX, ensure_bundled


def resolve_checkpoint(checkpoint: str, say: Callable[[str], None] = lambda _: None) -> str:
    """Return the local folder of a bundled or local checkpoint, or the hub's name of any other.

    Raises:
        YoyakError: a path that is not a model folder, or a bundled model that is not here yet.
    """
    if checkpoint.startswith(PREFIX):
        return str(ensure_bundled(checkpoint, say))
    path = Path(os.path.expanduser(checkpoint))
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise YoyakError(f"model.checkpoint = {checkpoint}: the folder has no config.json, so it is no model")
        return str(path)
    looks_like_path = checkpoint.startswith((".", "/", "~")) or checkpoint.count("/") > 1
    if looks_like_path or path.is_file():
        raise YoyakError(f"model.checkpoint = {checkpoint}: no such model folder")
    return checkpoint


def unreachable(checkpoint: str, error: Exception) -> YoyakError:
    """Return the error for a checkpoint that could not be loaded, with what to do about it."""
    if Path(checkpoint).is_dir():
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return YoyakError(f"model.checkpoint = {checkpoint}: can't be loaded: {first}")
    why = "the hub is switched off (HF_HUB_OFFLINE)" if os.environ.get("HF_HUB_OFFLINE") == "1" else "no hub answers"
    return YoyakError(
        f"model.checkpoint = {checkpoint}: not a local folder, not in the cache, and {why} or has no such model; "
        "connect to a network, or use model.checkpoint=FOLDER or model.checkpoint=bundled:smollm2-135m"
    )


def load_from(checkpoint: str, loader: Callable[..., Any], **arguments: Any) -> Any:
    """Call a transformers `from_pretrained`, turning its many errors of reaching and reading into one line."""
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
