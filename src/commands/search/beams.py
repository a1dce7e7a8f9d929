"""A model that generates with beams: the files of another one, with another setting."""

import os
import shutil
from pathlib import Path

import yaml

from ...config.loader import load_config
from ...files import folder_beside
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
        (beside / SETTINGS_FILE).unlink()
        text = yaml.safe_dump(config.model_dump(), allow_unicode=True, sort_keys=False)
        (beside / SETTINGS_FILE).write_text(text, encoding="utf-8")


def _link(path: Path, to: Path) -> None:
    try:
        os.link(path, to)
    except OSError:  # a file system without links
        shutil.copyfile(path, to)
