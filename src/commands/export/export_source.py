"""What is exported: the request, the folder it names, its settings, and the loaded model."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...config.schema import Config
from ...errors import YoyakError
from ..saved_settings import load_saved, refuse_run_without_model

if TYPE_CHECKING:
    from rich.console import Console

    from ...export.mean_card import MeanPart
    from ...models.lora_loader import LoRALoader
    from ...runs.schema import RunRecord
    from ..model import LoadedModel

TARGETS = ("adapter", "merged", "gguf", "gguf-lora", "ollama", "hub")


@dataclass(frozen=True)
class ExportRequest:
    """What the user asked for: the options of `yoyak export`, whose help says what each is for.

    `to` is one of `TARGETS`, `base` is `dequantized` or `original`; where `merge` is None, the hub gets the adapter if
    others can get its base.
    """

    to: str
    adapter: str | None = None
    run: str | None = None
    average_with: tuple[str, ...] = ()
    out: Path | None = None
    experiment: str | None = None
    overrides: list[str] = field(default_factory=list)
    quantization: str = "f16"
    base: str = "dequantized"
    check: int = 4
    merge: bool | None = None
    push: str | None = None
    dry_run: bool = False
    overwrite: bool = False
    as_json: bool = False


@dataclass(frozen=True)
class Source:
    """The folder that is exported, what it holds, and the record of the run that wrote it; of a mean its parts."""

    folder: Path
    is_adapter: bool
    record: "RunRecord | None"
    parts: "tuple[MeanPart, ...]" = ()


def find_source(adapter: str | None, run: str | None, option: str = "--run") -> Source:
    """Return what a user names by `--adapter` or `--run`; YoyakError where it is not there or is something else.

    `option` is what the run was given to.
    """
    from ...runs.read import find_run
    from ...runs.record import read_record
    from ...runs.schema import RECORD_FILE

    if (adapter is None) == (run is None):
        raise YoyakError("name one of both: --adapter outputs/NAME/final_model, or --run NAME")
    if run is not None:
        final = find_run(run, f"{option} ") / "final_model"
        if not final.is_dir():
            record = read_record(final.parent)
            status = (record and record.status) or "unknown"
            raise YoyakError(f"{option} {run}: the run ({status}) has no final_model; wait for it, or train it again")
    else:
        final = Path(str(adapter))
        if not final.is_dir():
            raise YoyakError(f"{adapter}: no such adapter folder; name a run's final_model")
        if (final / "final_model").is_dir():
            is_recorded = (final / RECORD_FILE).is_file()  # an average of a search is not
            or_run = f", or --run {adapter}" if is_recorded else ""
            raise YoyakError(f"{adapter}: is a run's folder; name {final / 'final_model'}{or_run}")
        refuse_run_without_model(final)
    is_adapter = (final / "adapter_config.json").is_file()
    if not is_adapter and not (final / "config.json").is_file():
        raise YoyakError(f"{final}: no adapter_config.json and no config.json, so it is neither adapter nor model")
    return Source(final, is_adapter, read_record(final.parent))


def source_config(source: Source, request: ExportRequest) -> Config:
    """Return the settings that the source was trained with."""
    from ...config.loader import load_config
    from ...config.unread import refuse_of_no_adapter, refuse_of_training

    if request.experiment is not None:
        config = load_config(request.experiment, request.overrides)
    else:
        config = load_saved(source.folder, request.overrides)
    refuse_of_training(request.overrides)
    if not source.is_adapter:
        config.lora.adapter = None
        refuse_of_no_adapter(config, [override.partition("=")[0].strip() for override in request.overrides])
    return config


def load_source(
    source: Source,
    request: ExportRequest,
    console: "Console",
    original: bool = False,
    check: "Callable[[LoRALoader], None] | None" = None,
) -> "LoadedModel":
    """Load the source with its adapter on the base it was trained on, or (`original`) on the 16-bit base.

    `check` may refuse by tokenizer and config, before the weights come.

    Raises:
        YoyakError: the adapter does not fit the base; both are named.
    """
    from ...models.adapter_config import saved_setting
    from ..model import load_configured, load_for_use

    overrides = list(request.overrides)
    if not source.is_adapter:
        whole = [f"model.checkpoint={source.folder}", "lora.use_qlora=false", "lora.adapter=null"]
        of_model = replace(request, overrides=[*overrides, *whole])
        return load_configured(source_config(source, of_model), console, check)
    if original:
        overrides.append("lora.use_qlora=false")
    try:
        return load_for_use(request.experiment, str(source.folder), overrides, console, check)
    except YoyakError as error:
        base = saved_setting(source.folder, "base_model_name_or_path")
        if not base or "does not fit" not in str(error) or base in str(error):
            raise
        raise YoyakError(f"{error}; the adapter was trained on {base}") from error
