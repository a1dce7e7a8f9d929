"""The licence, terms and notices of a base model, which go along with what is made of it."""

import os
import re
import shutil
from pathlib import Path

from ..models.bundled import PREFIX, bundled_path

_NAMES = re.compile(r"(?i)(licen[cs]e|notice|copying|use_policy|\w*_?terms)(\.(txt|md|html|pdf))?")


def licence_files(checkpoint: str) -> list[Path]:
    """Return the files with terms in the folder of a base model: a bundled or local one; of the hub's none are here."""
    folder = bundled_path(checkpoint) if checkpoint.startswith(PREFIX) else Path(os.path.expanduser(checkpoint))
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and _NAMES.fullmatch(path.name))


def copy_licence_files(checkpoint: str, folder: Path) -> None:
    """Copy the files with a base model's terms into an export's folder."""
    for path in licence_files(checkpoint):
        shutil.copyfile(path, folder / path.name)
