"""A model's shape from its `config.json`: shipped for the models of the configs, local, cached, or from the hub."""

import glob
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import YoyakError
from ..resources import yoyak_home
from ..written_classes import WRITTEN_TYPES, WrittenClasses
from .delta import delta_of
from .model_shape import ModelShape
from .other_heads import OtherHeads, other_heads_of
from .positions import model_positions

_SHIPPED = Path(__file__).parent / "shapes.json"
_HUB_SECONDS, _MOST_CONFIG_BYTES = 5.0, 1 << 20


def shape_of_config(config: dict[str, Any], where: str) -> ModelShape:
    """Return the shape that a `config.json` describes.

    Raises:
        YoyakError: a kind of model that is not known, or a size that is missing.
    """
    text = config.get("text_config")
    if isinstance(text, dict):  # of a model that sees or hears too, of which the text part is trained
        tied = config.get("tie_word_embeddings")  # the whole's head is what is meant
        config = text if tied is None else text | {"tie_word_embeddings": tied}
    kind = str(config.get("model_type"))
    if kind not in WRITTEN_TYPES:
        raise YoyakError(f"{where}: models of type {kind} can't be planned; those of {', '.join(WRITTEN_TYPES)} can")
    classes = WRITTEN_TYPES[kind]
    config = {**classes.usual, **{name: value for name, value in config.items() if value is not None}}
    try:
        for name in ("num_attention_heads", "hidden_size", "vocab_size", "intermediate_size", "num_hidden_layers"):
            if int(config[name]) < 1:
                raise KeyError(name)
        heads, width = int(config["num_attention_heads"]), int(config["hidden_size"])
        other = other_heads_of(config, where) if classes.value_norms else None
        return ModelShape(
            kind=kind,
            vocabulary=int(config["vocab_size"]),
            width=width,
            inner=int(config["intermediate_size"]),
            layers=int(config["num_hidden_layers"]),
            heads=heads,
            key_heads=int(config.get("num_key_value_heads") or heads),
            head_width=int(config.get("head_dim") or width // heads),
            tied=bool(config.get("tie_word_embeddings", False)),
            biases=classes.qkv_biases or bool(config.get("attention_bias")),
            positions=model_positions(config),
            windows=_windows(config, classes, other),
            delta=delta_of(config) if classes.delta else None,
            other=other,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise YoyakError(f"{where}: no usable {error} in the model's config.json") from None


def _windows(config: dict[str, Any], classes: WrittenClasses, other: OtherHeads | None) -> tuple[int, ...]:
    """Return the windows of the layers that have one."""
    window, layers = config.get("sliding_window"), int(config["num_hidden_layers"])
    if window is None:
        return ()
    kinds, pattern = config.get("layer_types"), config.get("sliding_window_pattern")
    if other is not None:
        windowed = layers - other.layers
    elif classes.windows == "config":
        windowed = layers
    elif kinds is not None:
        windowed = list(kinds).count("sliding_attention")
    elif isinstance(pattern, int) and pattern > 0:
        windowed = sum(index % pattern != 0 for index in range(1, layers + 1))
    elif config.get("use_sliding_window"):
        windowed = max(layers - int(config.get("max_window_layers", layers)), 0)
    else:
        windowed = 0
    return (int(window),) * windowed


def find_shape(checkpoint: str) -> tuple[ModelShape, str]:
    """Return a checkpoint's shape and where it comes from: `shipped`, a file, or `hub`.

    Raises:
        YoyakError: neither shipped, nor local, nor in the cache, nor reachable.
    """
    local = Path(os.path.expanduser(checkpoint)) / "config.json"
    if os.path.isfile(local):  # Path.is_file raises for names that are too long
        return shape_of_config(_read(local), checkpoint), str(local)
    shipped: dict[str, dict[str, Any]] = json.loads(_SHIPPED.read_text(encoding="utf-8"))
    if checkpoint in shipped:
        return shape_of_config(shipped[checkpoint], checkpoint), "shipped"
    cached = cached_file(checkpoint, "config.json")
    if cached is not None:
        return shape_of_config(_read(cached), checkpoint), str(cached)
    if not checkpoint.startswith((".", "/", "~", "bundled:")) and checkpoint.count("/") == 1:
        config = _from_hub(checkpoint)
        if config is not None:
            return shape_of_config(config, checkpoint), "hub"
    raise YoyakError(
        f"model.checkpoint = {checkpoint}: its shape is neither shipped nor found in a folder, in the cache or on the "
        f"hub; name a folder with its config.json, or one of {', '.join(shipped)}"
    )


def cached_file(checkpoint: str, name: str) -> Path | None:
    """Return a file of a checkpoint in a local folder, among converted models, or in the hub's cache; None if none."""
    local = Path(os.path.expanduser(checkpoint)) / name
    if os.path.isfile(local):
        return local
    if checkpoint.startswith("bundled:"):
        return _latest(yoyak_home() / "models", f"{glob.escape(checkpoint.removeprefix('bundled:'))}-*/{name}")
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    return _latest(hub, f"models--{glob.escape(checkpoint.replace('/', '--'))}/snapshots/*/{name}")


def _latest(folder: Path, pattern: str) -> Path | None:
    """Return the last file of a pattern; None where there is none, or a name in it that no disk has."""
    with suppress(OSError, ValueError):
        return max(folder.glob(pattern), default=None)
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise YoyakError(f"{path}: can't be read as a model's config ({type(error).__name__})") from None
    if not isinstance(content, dict):
        raise YoyakError(f"{path}: is no model's config")
    return content


def _from_hub(checkpoint: str) -> dict[str, Any] | None:
    """Ask the hub for the config alone, a few kilobytes; None where it can't be had."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
        return None
    from urllib.request import Request, urlopen

    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    if not endpoint.startswith(("https://", "http://")):
        return None
    token = os.environ.get("HF_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        request = Request(f"{endpoint}/{checkpoint}/resolve/main/config.json", headers=headers)
        with urlopen(request, timeout=_HUB_SECONDS) as answer:  # nosec B310 - http only
            content = json.loads(answer.read(_MOST_CONFIG_BYTES))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
