"""The plan at the start of `yoyak refine`, and what came of it at its end."""

import json
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...errors import YoyakError
from ...ranks.group import rank_count
from ...runs.outcomes import PlanFigures
from .folder import RunContext
from .train_plan import device_of_run, record_figures, say_plan

if TYPE_CHECKING:
    from ...planner.lengths import Lengths
    from ...planner.refining import RefinePlan
    from ...training.refine.refiner import RefineExample


def plan_refining(
    run: RunContext,
    model_config: dict[str, Any],
    trained: "Sequence[RefineExample]",
    evaluated: "Sequence[RefineExample]",
) -> "RefinePlan | None":
    """Say, before the model is loaded, what the refining will take; None where this machine or model can't be planned.

    Args:
        run: that begins.
        model_config: what the checkpoint's config.json holds.
        trained: dialogues that are drawn for.
        evaluated: dialogues that are summarized in between.

    Raises:
        YoyakError: it can't fit, with the nearest settings that do; or a step takes more dialogues than there are.
    """
    from ...planner.cluster import Cluster
    from ...planner.plan import Situation
    from ...planner.refining import make_refine_plan, refuse_few
    from ...planner.shapes import shape_of_config

    refuse_few(len(trained), run.config)
    device = device_of_run()
    if device is None:
        return None
    lengths = _lengths(trained, run.config.data.train), _lengths(evaluated, run.config.data.eval)
    try:
        shape = shape_of_config(model_config, run.config.model.checkpoint)
        plan = make_refine_plan(Situation(run.config, shape, *lengths, device, Cluster(rank_count())))
    except YoyakError as error:
        run.logger.info("No plan: %s", error)
        return None
    say_plan(run, plan)
    if not plan.fits and not device.cpu:
        _refuse(plan)
    return plan


def _lengths(examples: "Sequence[RefineExample]", source: str) -> "Lengths":
    from ...planner.lengths import Lengths

    return Lengths([len(one.prompt) for one in examples], [len(one.reference_ids) for one in examples], source)


def _refuse(plan: "RefinePlan") -> None:
    from ...planner.advice import arguments
    from ...planner.refining_advice import nearest_fitting_refining
    from ...planner.words import verdict

    change = nearest_fitting_refining(plan)
    way = f"this fits: {arguments(change)}" if change else "no settings of this model do"
    raise YoyakError(f"{verdict(plan).rstrip('.')}; {way}")


def record_refine_plan(run: RunContext, plan: "RefinePlan | None", peak_bytes: int) -> None:
    """Write predicted against measured into `run.json`: the most memory, and the median of a step's seconds."""
    if plan is None:
        return
    lines = map(json.loads, (run.folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    seconds = [line["seconds"] for line in lines if "reward" in line]
    if not seconds:
        return
    figures = PlanFigures(
        predicted_peak_bytes=plan.memory.peak_bytes,
        predicted_step_seconds=round(plan.step_seconds, 4),
        measured_peak_bytes=peak_bytes,
        measured_step_seconds=round(statistics.median(seconds), 4),
    )
    record_figures(run, figures)
