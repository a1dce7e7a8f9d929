"""The plan at the start of `yoyak train`, and what came of it at its end."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...config.schema import Config
from ...errors import YoyakError
from ...planner.sharding import Sharding
from ...ranks.group import gathered, rank_count
from ...runs.outcomes import PlanFigures
from ...runs.schema import RunRecord
from .folder import RunContext
from .request import TrainRequest

if TYPE_CHECKING:
    from ...data.llm_dataset import LLMSummarizationDataset
    from ...planner.devices import Device
    from ...planner.lengths import Lengths
    from ...planner.plan import Plan
    from ...planner.refining import RefinePlan


def plan_first(
    run: RunContext,
    request: TrainRequest,
    model_config: dict[str, Any],
    train_set: "LLMSummarizationDataset",
    eval_set: "LLMSummarizationDataset",
) -> "Plan | None":
    """Say, before the model is loaded, what the run will take; None where this machine or model can't be planned.

    `model_config` is what the checkpoint's config.json holds.

    Raises:
        YoyakError: the run can't fit, with the nearest settings that do, unless `--force` is on.
    """
    from ...models.flash_here import flash_is_here
    from ...planner.cluster import Cluster
    from ...planner.plan import Situation, make_plan
    from ...planner.shapes import shape_of_config

    device = device_of_run()
    if device is None:
        return None
    lengths = _lengths(train_set, run.config.data.train), _lengths(eval_set, run.config.data.eval)
    try:
        shape = shape_of_config(model_config, run.config.model.checkpoint)
        plan = make_plan(
            Situation(run.config, shape, *lengths, device, Cluster(rank_count()), flash_is_here(shape, device))
        )
    except YoyakError as error:
        run.logger.info("No plan: %s", error)
        return None
    say_plan(run, plan)
    if not plan.fits and not device.cpu:
        _refuse(run, plan, request.force)
    return plan


def decided_sharding(config: Config, plan: "Plan | None") -> Sharding:
    """Return whether weights are cut over the cards: as asked, or with `auto` where they would not fit on all of them.

    All ranks call it, each with the plan for its own card.
    """
    from ...training.several.sharding import sharding_as_asked

    own = sharding_as_asked(config)
    if config.training.sharding == "auto" and plan is not None:
        own = plan.sharding
    return "weights" if "weights" in gathered(own) else "none"


def say_plan(run: RunContext, plan: "Plan | RefinePlan") -> None:
    """Log what a run will take."""
    from ...planner.advice import hours
    from ...planner.words import verdict

    estimate = "" if plan.situation.device.measured else " (an estimate)"
    run.logger.info("Plan: about %s%s, %.2f s a step", hours(plan.total_seconds), estimate, plan.step_seconds)
    run.logger.info("Plan: %s", verdict(plan))


def _lengths(dataset: "LLMSummarizationDataset", source: str) -> "Lengths":
    """Return the lengths of encoded examples, of a dialogue's several instructions the first."""
    from ...planner.lengths import Lengths

    each = len(dataset.templates)
    prompts, whole = dataset.prompt_lengths[::each], dataset.lengths[::each]
    own = tuple(template.own_tokens for template in dataset.templates)
    return Lengths(prompts.tolist(), (whole - prompts).tolist(), source, own=own)


def _refuse(run: RunContext, plan: "Plan", force: bool) -> None:
    from ...planner.advice import nearest_fitting
    from ...planner.words import verdict

    change = nearest_fitting(plan)
    way = f"; this fits: {change.as_arguments}" if change else "; no settings of this model do"
    if not force:
        raise YoyakError(f"{verdict(plan).rstrip('.')}{way}; or try with --force")
    run.logger.warning("Started all the same (--force)%s", way)


def device_of_run() -> "Device | None":
    """Return this machine's card, or its processor where it was calibrated; None where neither is known."""
    import torch

    from ...planner.machine import read_profile

    if torch.cuda.is_available():
        from ...training.memory_plan import this_device

        return this_device()
    profile = read_profile()
    return profile if profile is not None and profile.cpu else None


def record_plan(run: RunContext, plan: "Plan | None", results: Mapping[str, Any]) -> None:
    """Write predicted against measured into `run.json`: the loaded model's plan where there is one, else the first."""
    chosen = results["memory_plan"]
    if chosen:
        peak_bytes, step_seconds = chosen["peak_bytes"], chosen["step_seconds"]
    elif plan is not None:
        peak_bytes, step_seconds = plan.choice.memory.peak_bytes, plan.step_seconds
    else:
        return
    steps = max(int(results["steps"]), 1)
    trained = results["train_runtime"] - results["evaluation_seconds"]
    figures = PlanFigures(
        predicted_peak_bytes=peak_bytes,
        predicted_step_seconds=round(step_seconds, 4),
        predicted_seconds=None if plan is None else round(plan.total_seconds, 1),
        measured_peak_bytes=results["peak_memory_bytes"],
        measured_step_seconds=round(trained / steps, 4),
        measured_seconds=round(results["train_runtime"], 1),
    )
    record_figures(run, figures)


def record_figures(run: RunContext, figures: PlanFigures) -> None:
    """Write what was predicted and measured into `run.json`, and log it."""
    run.file.update(RunRecord(plan=figures))
    bytes_of = figures.predicted_peak_bytes or 0, figures.measured_peak_bytes or 0
    seconds_of = figures.predicted_step_seconds or 0.0, figures.measured_step_seconds or 0.0
    run.logger.info(
        "Plan against run: %.2f and %.2f GB, %.2f and %.2f s a step", *(b / 1e9 for b in bytes_of), *seconds_of
    )
