"""Where a base model comes from: bundled, a local folder, or a hub."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from ..config.located import looks_local
from ..errors import YoyakError
from .bundled import PREFIX
from .bundled_fetch import ensure_bundled
from .checkpoints import PICKLED, pickled_weights


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
    if os.path.isdir(path):  # Path.is_dir raises for names that are too long
        if not (path / "config.json").is_file():
            raise YoyakError(f"model.checkpoint = {checkpoint}: the folder has no config.json, so it is no model")
        _refuse_pickles(path, checkpoint)
        return os.path.abspath(path)  # found from any folder, and never taken for a hub's name
    if os.path.isfile(path) and path.suffix in PICKLED:
        raise pickled_weights(checkpoint, path.name, str(path.parent))
    if looks_local(checkpoint) or os.path.isfile(path):
        raise YoyakError(f"model.checkpoint = {checkpoint}: no such model folder")
    return checkpoint


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
        pickled = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLED)
        if pickled:
            raise pickled_weights(checkpoint, pickled[0], str(folder))
