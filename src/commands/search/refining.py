"""Refining the winner of a search in the time that is left."""

import json
import shutil
from pathlib import Path

from ...files import write_atomic
from ...search.held import AdditionCosts
from ..train.refine import refine_config, refine_within
from ..train.request import TrainRequest
from .context import Search
from .seconds import end_seconds, page_seconds

_ADDED, _MINUTES = "added", "refine_minutes.json"
_LEAST_MINUTES = 0.01


def refine_in_time(search: Search, start: Path, name: str, costs: AdditionCosts) -> None:
    """Refine a model into the run `added/NAME`, or go on with that; it ends before the search has to, with the
    time for beams left. `costs` are those of additions to this model.

    The pace of its first steps decides how many of `refine.steps` are made in the minutes that were left when it began.
    """
    config = refine_config(str(start.parent), [f"experiment.name={name}"])
    config.experiment.output_dir = str(search.folder / _ADDED)
    config.evaluation.generate, config.training.report_to = False, []
    # The model's page and score, the step under way, and beams.
    after = page_seconds(search) + costs.average() + costs.refine(1) - costs.refine(0) + costs.beams_if_tried
    minutes = search.folder / _ADDED / f"{name}_{_MINUTES}"
    if not minutes.is_file():
        left = max(_LEAST_MINUTES, (search.clock.left - end_seconds(search) - after) / 60)
        wanted = config.refine.minutes
        minutes.parent.mkdir(exist_ok=True)
        write_atomic(minutes, json.dumps(left if wanted is None else min(left, wanted)))
    config.refine.minutes = json.loads(minutes.read_text(encoding="utf-8"))
    limit = after + costs.average()  # an evaluation, and what is written
    request = TrainRequest(name, resume=True, quiet=True)
    refine_within(config, request, lambda: search.clock.left - end_seconds(search) > limit)
    shutil.rmtree(config.experiment.run_dir / "checkpoints", ignore_errors=True)
