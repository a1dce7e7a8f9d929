"""What a source names: a file, a shipped sample, a data set of the hub; and in words what is wrong with the name."""

import os
from pathlib import Path

from ...config.schema import DataSettings
from ...errors import YoyakError, first_line, nearest
from ...resources import sample_dir
from ...text_forms import existing_path
from .readers import SUFFIXES
from .records import Record, RecordStream


def existing_file(source: str) -> Path:
    """Return the file that a source names, a sample's too; YoyakError where there is none."""
    if source.startswith("sample:"):
        path = sample_dir() / source.removeprefix("sample:")
        if not os.path.isfile(path):
            samples = sorted(file.relative_to(sample_dir()).as_posix() for file in sample_dir().glob("*/*.csv"))
            raise YoyakError(f"{source}: no such sample; there are {', '.join(f'sample:{name}' for name in samples)}")
        return path
    path = existing_path(Path(os.path.expanduser(source)))
    if os.path.isfile(path):  # Path.is_file raises for names that are too long
        return path
    if os.path.isdir(path):
        files = sorted(child.name for child in path.iterdir() if child.suffix.lower() in SUFFIXES)
        raise YoyakError(f"{source}: a folder; name a file in it" + (f", such as {path / files[0]}" if files else ""))
    if os.path.exists(path):
        raise YoyakError(f"{source}: not a regular file")
    if not os.path.isdir(path.parent):
        raise YoyakError(f"{source}: no such file, and no folder '{path.parent}'{_own_file_hint(source)}")
    neighbours = [child.name for child in path.parent.iterdir() if child.suffix.lower() in SUFFIXES]
    raise YoyakError(f"{source}: no such file{nearest(path.name, neighbours)}{_own_file_hint(source)}")


def _own_file_hint(source: str) -> str:
    for setting, sample in (("train", "sample:en/train.csv"), ("eval", "sample:en/dev.csv")):
        if source == DataSettings.model_fields[setting].default:
            return f"; name your own with data.{setting}=FILE, or try the shipped sample: data.{setting}={sample}"
    return ""


def open_hub(source: str) -> RecordStream:
    """Open `hub:NAME[@REVISION][:SPLIT]` (split `train` by default) through the `datasets` package."""
    name, _, split = source.removeprefix("hub:").partition(":")
    name, _, revision = name.partition("@")
    try:
        import datasets  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise YoyakError(
            f"{source}: needs the datasets package; pip install datasets, or download a file and name its path"
        ) from None
    try:
        pinned = {"revision": revision} if revision else {}
        dataset = datasets.load_dataset(name, split=split or "train", **pinned)  # nosec B615 - pinned where asked
    except (OSError, ValueError, RuntimeError) as error:
        raise YoyakError(
            f"{source}: cannot be loaded ({first_line(error)}); check name, split and network, or name a local file"
        ) from None
    records = (Record(number, dict(values)) for number, values in enumerate(dataset, 1))
    return RecordStream(list(dataset.column_names), "utf-8", "row", records)
