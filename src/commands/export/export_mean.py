"""The mean of several models (`--average-with`), made in a folder of its own, from which each target is written."""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ...config.loader import flatten
from ...config.located import located
from ...config.provenance import value_text
from ...config.schema import Config
from ...errors import YoyakError
from ..saved_settings import run_of
from .export_source import ExportRequest, Source, find_source, source_config

if TYPE_CHECKING:
    from rich.console import Console

    from ...export.mean_card import MeanPart

_OPTION = "--average-with"
_DECIDING = ("dataset.", "tokenizer.", "model.checkpoint", "model.revision", "model.chat_template", "lora.use_qlora")
_USED = ("generation.", "evaluation.")


@contextmanager
def averaged(
    request: ExportRequest, source: Source, out: Path, console: "Console"
) -> Iterator[tuple[ExportRequest, Source]]:
    """Yield the mean of a source and those of `--average-with`, as a source, and the request for it.

    Both stay as they are where nothing is named. The mean lies in a folder beside `out` with the settings and the
    record of the first one, and is gone at the end.

    Raises:
        YoyakError: one can't be found, they can't be averaged, or the settings that decide base or prompt differ.
    """
    if not request.average_with:
        yield request, source
        return
    from ...export.average_parts import refuse_unlike_models
    from ...export.averaged import average_models
    from ...export.folder import refusing_unwritable, require_space
    from ...runs.outcomes import RunScores, TrainFigures
    from ...runs.schema import RECORD_FILE

    sources = [source, *map(_find, request.average_with)]
    folders = [one.folder for one in sources]
    refuse_unlike_models(folders)
    parts = _parts(sources, request)
    _refuse_other_settings(sources, parts, request, console)
    adapters = folders if source.is_adapter else folders[:1]
    require_space(out, sum(path.stat().st_size for folder in adapters for path in folder.glob("*model*.safetensors")))
    console.print(f"Averaging {len(parts)} models ...", style="dim")
    place = next(folder for folder in out.absolute().parents if folder.is_dir())
    config = located(parts[0].config)
    config.experiment.name = _name(request, config)
    config.model.trust_remote_code = False  # which no file may ask for; the command line still does
    with refusing_unwritable(out):
        scratch = TemporaryDirectory(prefix=f".{out.name}.mean.", dir=place)
    with scratch:
        with refusing_unwritable(out):
            mean = average_models(folders, Path(scratch.name) / "final_model", config)
            record_file = run_of(source.folder) / RECORD_FILE
            if record_file.is_file():  # says which prompt the parts were trained with
                shutil.copyfile(record_file, mean.with_name(RECORD_FILE))
        record = parts[0].record
        if record is not None:
            record = record.model_copy(update={"scores": RunScores(), "train": TrainFigures()})
        of_mean = Source(mean, source.is_adapter, record, tuple(parts))
        try:
            yield replace(request, experiment=None), of_mean
        except YoyakError as error:  # in the name of what is written, not of a folder that is gone
            raise YoyakError(str(error).replace(str(mean), str(out))) from error


def _find(name: str) -> Source:
    """Return what `--average-with` names: the folder of a model, or a run."""
    from ...runs.schema import RECORD_FILE

    folder = Path(os.path.expanduser(name))
    is_run = any((place / RECORD_FILE).is_file() for place in (folder, Path("outputs") / name))
    is_model = any((folder / file).is_file() for file in ("adapter_config.json", "config.json"))
    if is_model or (folder.is_dir() and not is_run):
        return find_source(str(folder), None)
    return find_source(None, str(folder), _OPTION)


def _parts(sources: Sequence[Source], request: ExportRequest) -> "list[MeanPart]":
    from ...export.mean_card import MeanPart
    from ...runs.record import read_record

    return [
        MeanPart(_name_of(one.folder), source_config(one, request), read_record(run_of(one.folder))) for one in sources
    ]


def _name_of(model: Path) -> str:
    """Return a model's name without the folders above: that of its run, with the checkpoint's, or its own."""
    folder, run = Path(os.path.abspath(model)), run_of(model)
    if folder.name == "final_model":
        return run.name
    return f"{run.name}/{folder.name}" if folder.parent.name == "checkpoints" else folder.name


def _name(request: ExportRequest, config: Config) -> str:
    """Return the mean's name, by which its summaries are told from its first part's: its folder's, or a given one."""
    if "experiment.name" in _names(request):
        return config.experiment.name
    if request.out is None:
        return f"{config.experiment.name}_mean"
    folder = Path(os.path.abspath(request.out))
    return re.sub(r"[^\w.-]+", "-", folder.parent.name if folder.name == "final_model" else folder.name)


def _refuse_other_settings(
    sources: Sequence[Source], parts: "Sequence[MeanPart]", request: ExportRequest, console: "Console"
) -> None:
    """Raise YoyakError where base, prompt or lengths of parts differ; say where decoding or scoring does."""
    ours, *others = (_settings(*pair, request) for pair in zip(sources, parts, strict=True))
    first, given = parts[0], [override for override in request.overrides if override.startswith(_DECIDING)]
    for part, theirs, named in zip(parts[1:], others, request.average_with, strict=True):
        differ = [name for name in ours if name in theirs and ours[name] != theirs[name]]
        odd = next((name for name in differ if name.startswith(_DECIDING)), None)
        if odd:
            raise YoyakError(
                f"{_OPTION} {named}: {odd} is {value_text(theirs[odd])}, and {value_text(ours[odd])} in {first.name}; "
                f"leave it out, or say what holds for the mean with {odd}=VALUE"
            )
        prompts = [one.record and one.record.resolved.prompt for one in (part, first)]
        if None not in prompts and prompts[0] != prompts[1] and not given:
            raise YoyakError(f"{_OPTION} {named}: was trained with another prompt than {first.name}; leave it out")
        if used := ", ".join(name for name in differ if name.startswith(_USED)):
            console.print(f"{_OPTION} {named}: {used} differ; those of {first.name} hold", style="yellow")


def _settings(source: Source, part: "MeanPart", request: ExportRequest) -> dict[str, object]:
    """Return a part's settings, its base as far as it is known: a whole model that was exported names itself."""
    from ...export.folder import EXPORT_FILE
    from ...models.adapter_config import saved_setting

    settings, lora = flatten(part.config), part.config.lora
    settings["lora.use_qlora"] = lora.use_qlora and lora.use_lora
    if request.experiment is not None and "model.checkpoint" not in _names(request):
        settings["model.checkpoint"] = saved_setting(source.folder, "base_model_name_or_path")
    base = settings["model.checkpoint"]
    if base is None or (not source.is_adapter and (source.folder / EXPORT_FILE).is_file()):
        del settings["model.checkpoint"]
    elif os.path.isdir(place := os.path.expanduser(str(base))):
        settings["model.checkpoint"] = os.path.realpath(place)
    return settings


def _names(request: ExportRequest) -> list[str]:
    return [override.partition("=")[0] for override in request.overrides]
