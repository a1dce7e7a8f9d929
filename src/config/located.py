"""Local places in settings, written so that they are found from any folder, and found again in older files."""

import os
from collections.abc import Iterable
from pathlib import Path

from .schema import Config

PLACES = ("model.checkpoint", "lora.adapter", "data.train", "data.eval", "data.test")
"""Settings that may name a folder or a file; checkpoints and data may be elsewhere: bundled, a sample, on a hub."""

BUNDLED = "bundled:"
"""What the name of a model begins with that comes with a package."""


def looks_local(name: str) -> bool:
    """Tell whether a checkpoint's name can only be a folder's: a hub's has one slash at most and starts otherwise."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1


def located(config: Config) -> Config:
    """Return a copy in which what lies on this machine is named by its absolute path; all else as it is."""
    copy = config.model_copy(deep=True)
    for setting in PLACES:
        name = _get(copy, setting)
        if name is not None:
            path = Path(os.path.expanduser(name))
            if path.exists():
                _set(copy, setting, os.path.abspath(path))
    return copy


def found_again(config: Config, folder: Path, named: Iterable[str]) -> Config:
    """Return a copy of settings saved in a run's folder, their relative places as they were where the run was started.

    Earlier versions wrote them relative to the folder that the run was started from, which is one above the run's. Of
    settings that are `named`, that the user gave now, places are of the current folder.
    """
    copy, given = config.model_copy(deep=True), set(named)
    for setting in PLACES:
        name = _get(copy, setting)
        if name is None or setting in given or os.path.isabs(os.path.expanduser(name)):
            continue
        found = next((place / name for place in Path(os.path.abspath(folder)).parents if (place / name).exists()), None)
        if found is not None:
            _set(copy, setting, str(found))
    return copy


def _get(config: Config, setting: str) -> str | None:
    section, key = setting.split(".")
    value: str | None = getattr(getattr(config, section), key)
    return value


def _set(config: Config, setting: str, value: str) -> None:
    section, key = setting.split(".")
    setattr(getattr(config, section), key, value)
