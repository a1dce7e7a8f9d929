"""Lengths of a file's prompts under a model's tokenizer, and what truncation would cut."""

from dataclasses import dataclass
from pathlib import Path

from ..config.loader import load_config
from ..data.tools.check import count_bins
from ..planner.data_lengths import data_lengths
from ..planner.shapes import find_shape


@dataclass(frozen=True)
class PromptView:
    """Prompts of a file in tokens; `cut` is how many are shortened to `limit`, and by how many tokens in all."""

    experiment: str
    source: str
    limit: int
    longest: int
    cut: tuple[int, int]
    bins: list[tuple[float, int]]
    long_summaries: int
    summary_limit: int


def prompt_lengths(path: Path, settings: dict[str, str], experiment: str) -> PromptView:
    """Return the lengths of a file's usable rows; YoyakError where it can't be read."""
    overrides = [f"data.train={path}", "data.on_bad_rows=drop"]
    config = load_config(experiment, [*overrides, *(f"data.{name}={value}" for name, value in settings.items())])
    shape, _ = find_shape(config.model.checkpoint)
    found = data_lengths(config, shape, "train", named=True)
    limit, summary_limit = config.tokenizer.encoder_max_len, config.tokenizer.decoder_max_len
    return PromptView(
        experiment,
        config.model.checkpoint,
        limit,
        max(found.prompts),
        found.cut(limit),
        [(one.high, one.count) for one in count_bins(list(found.prompts))],
        sum(length > summary_limit for length in found.responses),
        summary_limit,
    )
