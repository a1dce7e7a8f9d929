"""What a model card says of a mean: the models that it was made of, and in what they differ."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..config.loader import flatten
from ..config.located import PLACES
from ..config.provenance import value_text
from ..config.schema import Config
from ..runs.schema import RunRecord

_OWN = ("experiment.", "lora.adapter", "training.report_to")
"""Settings in which each run differs, or that say nothing of its model."""


class MeanPart(NamedTuple):
    """A model whose weights are in a mean: its run's name, its settings, and its run's record."""

    name: str
    config: Config
    record: RunRecord | None


def mean_section(parts: Sequence[MeanPart]) -> str:
    """Return a section with a column a part: settings in which they differ, evaluation loss and ROUGE sum of each."""
    rows = {name: [value_text(value) for value in values] for name, values in differing_settings(parts).items()}
    records = [part.record or RunRecord() for part in parts]
    losses = [record.train.eval_loss for record in records]
    scores = [record.scores.fine_tuned and record.scores.fine_tuned.rouge_sum for record in records]
    for title, values, digits in (("evaluation loss", losses, 3), ("ROUGE sum", scores, 1)):
        if any(value is not None for value in values):
            rows[title] = ["" if value is None else f"{value:.{digits}f}" for value in values]
    lines = ["| | " + " | ".join(part.name for part in parts) + " |", "|---" * (len(parts) + 1) + "|"]
    lines += [f"| {title} | " + " | ".join(cells) + " |" for title, cells in rows.items()]
    return (
        f"## Mean of {len(parts)} models\n\n"
        "The weights are the mean of those of models that were trained apart (a uniform soup, Wortsman et al. 2022). "
        "Data and training below are those of the first; in what they differ, and the figures of each by itself:\n\n"
        + "\n".join(lines)
    )


def differing_settings(parts: Sequence[MeanPart]) -> dict[str, list[object]]:
    """Return the settings that are not the same in all parts, with the value of each; of local places the last name."""
    of_each = [flatten(part.config) for part in parts]
    found: dict[str, list[object]] = {}
    for name in of_each[0]:
        values = [settings[name] for settings in of_each]
        if not name.startswith(_OWN) and any(value != values[0] for value in values):
            found[name] = [Path(str(value)).name if name in PLACES else value for value in values]
    return found
