"""The settings of a model: what a run left in its `final_model` or its record, or an export in its folder."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..config.loader import known_configs, load_config, load_recorded
from ..config.located import found_again, looks_local
from ..config.schema import Config
from ..config.typed import typed
from ..errors import YoyakError
from ..models.adapter_config import saved_setting
from ..models.bundled import PREFIX
from ..runs.record import read_record
from ..runs.schema import RECORD_FILE, ResolvedChoices

SETTINGS_FILE = "yoyak.yaml"


def settings_file(model: Path) -> Path | None:
    """Return the file with a model's settings: its own or, of a run's checkpoint, the run's; None where there is none.

    A run that was killed has no `final_model`, and the settings of its checkpoints are in its record.
    """
    run = run_of(model)
    places = [model / SETTINGS_FILE]
    if run != Path(os.path.abspath(model)).parent:
        places += [run / "final_model" / SETTINGS_FILE, run / RECORD_FILE]
    return next((place for place in places if place.is_file()), None)


def run_of(model: Path) -> Path:
    """Return the folder of the run that wrote a model: a `final_model`, or one of its checkpoints."""
    folder = Path(os.path.abspath(model)).parent
    return folder.parent if folder.name == "checkpoints" and not (model / SETTINGS_FILE).is_file() else folder


def load_settings(file: Path, overrides: Sequence[str]) -> Config:
    """Return the settings that a file holds, which `settings_file` returned.

    Raises:
        YoyakError: they are broken.
    """
    if file.name != RECORD_FILE:
        return load_config(file, overrides)
    record = read_record(file.parent)
    if record is None or not record.config:
        raise YoyakError(f"{file}: holds no settings of a run; add --experiment NAME")
    return load_recorded(file, record.config, overrides)


def load_saved(model: Path, overrides: list[str]) -> Config:
    """Return the settings of a model that a run or an export wrote, with its local places found from here.

    Raises:
        YoyakError: none there, broken ones, or a base model that was a folder and is not found: its name would be
            taken for a hub's.
    """
    file = settings_file(model)
    if file is None:
        if (model / "final_model").is_dir():
            raise YoyakError(f"{model}: is a run's folder; name {model / 'final_model'}")
        refuse_run_without_model(model)
        raise _not_a_runs(model)
    named = [override.partition("=")[0].strip() for override in overrides]
    config = found_again(load_settings(file, overrides), run_of(model) / model.name, named)
    checkpoint = config.model.checkpoint
    could_be_a_hubs = not looks_local(checkpoint) and not checkpoint.startswith(PREFIX)
    gone = "model.checkpoint" not in named and not os.path.isdir(os.path.expanduser(checkpoint))
    if gone and could_be_a_hubs and _was_folder(run_of(model)):
        raise YoyakError(
            f"{file}: model.checkpoint = {checkpoint} was a folder, and is not found from here; name it with "
            "model.checkpoint=FOLDER"
        )
    return config


def _not_a_runs(folder: Path) -> YoyakError:
    """Return what to do with a model that no run or export wrote: name its base, where it is known, and a prompt."""
    base = saved_setting(folder, "base_model_name_or_path")
    if isinstance(base, str) and base:
        config = _config_of(base)
        how = f"--experiment {config}" if config else f"--experiment NAME {typed('model.checkpoint', base)}"
        return YoyakError(
            f"{folder}: no {SETTINGS_FILE}, so its prompt is not known; its base model is {base}; add {how}"
        )
    unknown = "prompt" if (folder / "config.json").is_file() else "base model"
    return YoyakError(f"{folder}: no {SETTINGS_FILE}, so its {unknown} is not known; add --experiment NAME")


def _config_of(checkpoint: str) -> str | None:
    """Return the name of a model's config that has this checkpoint, None where there is none."""
    for name, path in known_configs().items():
        with suppress(YoyakError):  # a broken one of the user's own
            if path.parent.name == "models" and load_config(name).model.checkpoint == checkpoint:
                return name
    return None


def refuse_run_without_model(folder: Path) -> None:
    """Raise YoyakError, which names the newest checkpoint, for a folder that has checkpoints and no model."""
    from ..training.state.checkpoints import saved_steps

    root = folder if folder.name == "checkpoints" else folder / "checkpoints"
    newest = next((root / f"checkpoint-{step}" for step in reversed(saved_steps(root))), None)
    # One of a refining holds no model that others load.
    if newest and ((newest / "adapter_config.json").is_file() or (newest / "config.json").is_file()):
        raise YoyakError(f"{folder}: holds checkpoints of a run, and no model of its own; name one: {newest}")


def _was_folder(run: Path) -> bool:
    """Tell whether a run's record says that its base came from no hub."""
    record = read_record(run)
    resolved = record.resolved if record else ResolvedChoices()
    return "model_revision" in resolved.model_fields_set and resolved.model_revision is None
