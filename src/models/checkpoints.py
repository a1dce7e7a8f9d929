"""Where a base model comes from: bundled, a local folder, or a hub; and the errors when it can't be had."""

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..config.located import looks_local
from ..config.schema import ModelSettings
from ..config.typed import typed
from ..errors import YoyakError
from .bundled import PREFIX, ensure_bundled
from .config_limits import refuse_endless
from .generation_settings import checkpoint_json

_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


def resolve_checkpoint(checkpoint: str, say: Callable[[str], None] = lambda _: None) -> str:
    """Return the local folder of a bundled or local checkpoint, or the hub's name of any other.

    Raises:
        YoyakError: a path that is not a model folder, or a bundled model that is not here yet.
    """
    if checkpoint.startswith(PREFIX):
        return str(ensure_bundled(checkpoint, say))
    if checkpoint.startswith("-"):  # vLLM's command line would read it as an option
        raise YoyakError(f"model.checkpoint = {checkpoint}: neither a folder nor a hub's name; it starts with '-'")
    path = Path(os.path.expanduser(checkpoint))
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise YoyakError(f"model.checkpoint = {checkpoint}: the folder has no config.json, so it is no model")
        _refuse_pickles(path, checkpoint)
        return os.path.abspath(path)  # found from any folder, and never taken for a hub's name
    if path.is_file() and path.suffix in _PICKLED:
        raise _pickled(checkpoint, path.name, str(path.parent))
    if looks_local(checkpoint) or path.is_file():
        raise YoyakError(f"model.checkpoint = {checkpoint}: no such model folder")
    return checkpoint


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


def _refuse_pickles(folder: Path, checkpoint: str) -> None:
    """Raise YoyakError where a folder has pickled weights and no others, or an index that leads to such."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise YoyakError(f"{index}: not an index of weights; get the checkpoint again") from error
        for shard in shards:
            if not isinstance(shard, str) or not shard.endswith(".safetensors") or Path(shard).name != shard:
                raise YoyakError(f"{index}: names {shard!r}, and only .safetensors files beside it are loaded")
    elif not any(folder.glob("*.safetensors")):
        pickled = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLED)
        if pickled:
            raise _pickled(checkpoint, pickled[0], str(folder))


def _pickled(checkpoint: str, file: str, source: str) -> YoyakError:
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
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return YoyakError(f"model.checkpoint = {checkpoint}: can't be loaded: {first}")
    if "safetensors" in str(error):  # it was reached, and has other files
        return _pickled(checkpoint, "what it holds", checkpoint)
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
