"""Settings with which a refining fits that doesn't."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..config.schema import Config
from ..errors import YoyakError
from .refining import RefinePlan, make_refine_plan


def nearest_fitting_refining(plan: RefinePlan) -> dict[str, Any] | None:
    """Return the fewest settings with which a refining that doesn't fit does, or None where nothing helps."""
    for settings in _smaller(plan.situation.config):
        config = plan.situation.config.model_copy(deep=True)
        for key, value in settings.items():
            section, name = key.split(".")
            setattr(getattr(config, section), name, value)
        try:
            other = make_refine_plan(replace(plan.situation, config=config))
        except YoyakError:
            continue
        if other.fits:
            return settings
    return None


def _smaller(config: Config) -> Iterator[dict[str, Any]]:
    refine, training = config.refine, config.training
    free: dict[str, Any] = {}
    if refine.micro_batch_tokens != "auto":
        free["refine.micro_batch_tokens"] = "auto"
    elif training.micro_batch_tokens != "auto":
        free["training.micro_batch_tokens"] = "auto"
    if training.gradient_checkpointing != "auto":
        free["training.gradient_checkpointing"] = "auto"
    if free:
        yield free
    fewer: list[dict[str, Any]] = [{"refine.samples": samples} for samples in (8, 4, 2) if samples < refine.samples]
    in_4bit: list[dict[str, Any]] = (
        [{"lora.use_qlora": True}] if config.lora.use_lora and not config.lora.use_qlora else []
    )
    yield from ({**free, **one} for one in [*fewer, *in_4bit])
    yield from ({**free, **four, **one} for four in in_4bit for one in fewer)
