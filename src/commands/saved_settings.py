"""The settings that a run left in its `final_model` (or an export in its folder)."""

import os
from contextlib import suppress
from pathlib import Path

from ..config.loader import known_configs, load_config
from ..config.located import found_again, looks_local
from ..config.schema import Config
from ..config.typed import typed
from ..errors import YoyakError
from ..models.adapter_config import saved_setting
from ..models.bundled import PREFIX

SETTINGS_FILE = "yoyak.yaml"


def settings_folder(model: Path) -> Path:
    """Return the folder in which a model's settings are: its own or, of a run's checkpoint, the run's `final_model`."""
    folder = Path(os.path.abspath(model)).parent
    final = folder.parent / "final_model"
    of_a_run = folder.name == "checkpoints" and not (model / SETTINGS_FILE).is_file()
    return final if of_a_run and (final / SETTINGS_FILE).is_file() else model


def load_saved(model: Path, overrides: list[str]) -> Config:
    """Return the settings of a model that a run or an export wrote, with its local places found from here.

    Raises:
        YoyakError: none there, broken ones, or a base model that was a folder and is not found: its name would be
            taken for a hub's.
    """
    folder = settings_folder(model)
    if not (folder / SETTINGS_FILE).is_file():
        if (folder / "final_model").is_dir():
            raise YoyakError(f"{folder}: is a run's folder; name {folder / 'final_model'}")
        raise _not_a_runs(folder)
    named = [override.partition("=")[0] for override in overrides]
    config = found_again(load_config(folder / SETTINGS_FILE, overrides), folder, named)
    checkpoint = config.model.checkpoint
    could_be_a_hubs = not looks_local(checkpoint) and not checkpoint.startswith(PREFIX)
    gone = "model.checkpoint" not in named and not os.path.isdir(os.path.expanduser(checkpoint))
    if gone and could_be_a_hubs and _was_folder(folder):
        raise YoyakError(
            f"{folder / SETTINGS_FILE}: model.checkpoint = {checkpoint} was a folder, and is not found from here; name "
            "it with model.checkpoint=FOLDER"
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


def _was_folder(folder: Path) -> bool:
    """Tell whether the run's record says that its base came from no hub."""
    from ..runs.record import read_record
    from ..runs.schema import ResolvedChoices

    record = read_record(folder.parent)
    resolved = record.resolved if record else ResolvedChoices()
    return "model_revision" in resolved.model_fields_set and resolved.model_revision is None
