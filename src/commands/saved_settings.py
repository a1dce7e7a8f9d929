"""The settings that a run left in its `final_model` (or an export in its folder)."""

import os
from pathlib import Path

from ..config.loader import load_config
from ..config.located import found_again, looks_local
from ..config.schema import Config
from ..errors import YoyakError
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
        raise YoyakError(f"{folder}: no {SETTINGS_FILE}, so its base model is not known; add --experiment NAME")
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


def _was_folder(folder: Path) -> bool:
    """Tell whether the run's record says that its base came from no hub."""
    from ..runs.record import read_record
    from ..runs.schema import ResolvedChoices

    record = read_record(folder.parent)
    resolved = record.resolved if record else ResolvedChoices()
    return "model_revision" in resolved.model_fields_set and resolved.model_revision is None
