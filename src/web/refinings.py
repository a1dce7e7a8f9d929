"""Which runs were refined from which."""

import shlex
from pathlib import Path

from ..commands.train.refine import NAMED
from ..runs.record import read_record
from ..runs.schema import RECORD_FILE, RunRecord
from .place import Place


def is_refining(record: RunRecord) -> bool:
    """Tell whether `yoyak refine` makes, or made, this run."""
    return words_of(record)[:1] == ["refine"]


def words_of(record: RunRecord) -> list[str]:
    """Return the words behind `yoyak` that began a run, none where its record has no such."""
    try:
        return shlex.split(record.command or "")[1:]
    except ValueError:
        return []


def start_of_refining(record: RunRecord) -> Path | None:
    """Return the final model that a refining began with; None of another run."""
    lora, model = record.config.get("lora"), record.config.get("model")
    adapter = lora.get("adapter") if isinstance(lora, dict) else None
    checkpoint = model.get("checkpoint") if isinstance(model, dict) else None
    return Path(str(adapter or checkpoint or "")) if is_refining(record) else None


def refined_from(place: Place, record: RunRecord) -> str | None:
    """Return the run of this place whose final model a refining began with."""
    start = start_of_refining(record)
    name = start.parent.name if start is not None and start.name == "final_model" else ""
    return name if name and (place.runs / name / RECORD_FILE).is_file() else None


def refinings_of(place: Place, name: str) -> list[str]:
    """Return the refinings of a run by name, those written last first."""
    found = [other for other in place.run_names() if other.startswith(f"{name}{NAMED}")]
    return [one for one in found if refined_from(place, read_record(place.runs / one) or RunRecord()) == name]
