"""Models that additions make of others' files: their settings, and one that generates with beams."""

import os
import shutil
from pathlib import Path

import yaml

from ...config.loader import load_config
from ...config.schema import Config
from ...files import folder_beside, write_atomic
from ...search.held import BEAMS
from ..saved_settings import SETTINGS_FILE


def with_beams(start: Path, to: Path) -> None:
    """Write the model in folder `start` to the folder `to`, with beams in its settings; weights take no more room.

    Raises:
        OSError: the folder or the disk refuses.
    """
    with folder_beside(to, durable=True) as beside:
        for path in start.iterdir():
            if path.is_file():
                _link(path, beside / path.name)
        config = load_config(beside / SETTINGS_FILE, [])
        config.generation.num_beams = BEAMS
        of_run(config, to)
        (beside / SETTINGS_FILE).unlink()
        text = yaml.safe_dump(config.model_dump(), allow_unicode=True, sort_keys=False)
        (beside / SETTINGS_FILE).write_text(text, encoding="utf-8")


def name_after_folder(model: Path) -> None:
    """Write into the settings of the model in a folder which run it is of, so that what it makes goes there.

    An average has the settings of its first part: its summaries would stand for those of that trial.
    """
    config = load_config(model / SETTINGS_FILE, [])
    of_run(config, model)
    text = yaml.safe_dump(config.model_dump(), allow_unicode=True, sort_keys=False)
    write_atomic(model / SETTINGS_FILE, text)


def of_run(config: Config, model: Path) -> None:
    """Let settings be those of the run whose model lies in the folder `model`."""
    config.experiment.name, config.experiment.output_dir = model.parent.name, str(model.parent.parent)


def _link(path: Path, to: Path) -> None:
    try:
        os.link(path, to)
    except OSError:  # a file system without links
        shutil.copyfile(path, to)
