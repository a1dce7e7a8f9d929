"""Changes of settings that buy memory or time, found by planning again with each."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..descriptions import WIDEST_FLASH_KEY
from ..errors import YoyakError
from .plan import Plan, Situation, make_plan

_WORTH_BYTES, _WORTH_SHARE = 0.2e9, 0.03  # smaller gains are not worth a line
_SHORT_PROMPT = 512


@dataclass(frozen=True)
class Change:
    """Some settings, what they buy, and the plan with them; or what is to be installed, as a command."""

    settings: dict[str, Any]
    saved_bytes: int
    saved_seconds: float
    plan: Plan
    installed: str = ""

    @property
    def as_arguments(self) -> str:
        """Return the settings as they are written on the command line."""
        return arguments(self.settings)

    def sentence(self) -> str:
        """Return the change and what it buys, in words."""
        memory, seconds = self.saved_bytes / 1e9, self.saved_seconds
        parts = [f"{abs(memory):.1f} GB {'less' if memory > 0 else 'more'}"] if abs(memory) >= 0.05 else []
        if abs(seconds) >= 1:
            parts.append(f"{hours(abs(seconds))} {'shorter' if seconds > 0 else 'longer'}")
        fits = "" if self.plan.fits else ", and does not fit"
        return f"{self.installed or self.as_arguments}: {', '.join(parts) or 'nothing'}{fits}"


def arguments(settings: dict[str, Any]) -> str:
    """Return settings as KEY=VALUE words."""
    return " ".join(f"{key}={_written(value)}" for key, value in settings.items())


def hours(seconds: float) -> str:
    """Return a duration in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def best_changes(plan: Plan, most: int = 3) -> list[Change]:
    """Return the changes that buy most: those that fit first, then by the share of time or memory that they save."""
    found = []
    tried = (_tried(plan, settings) for settings in candidate_settings(plan.situation, plan.choice.job.engine))
    for change in (_with_flash(plan), *tried):
        if change is not None and is_worth_a_line(plan, change):
            found.append(change)
    found.sort(key=lambda change: (not change.plan.fits, -gain_of(plan, change)))
    return found[:most]


def nearest_fitting(plan: Plan) -> Change | None:
    """Return the fewest changes with which a run that doesn't fit does, or None where nothing helps."""
    for settings in candidate_settings(plan.situation, plan.choice.job.engine):
        change = _tried(plan, settings)
        if change is not None and change.plan.fits:
            return change
    gathered: dict[str, Any] = {}
    now = plan
    for settings in candidate_settings(plan.situation, plan.choice.job.engine):
        change = _tried(plan, gathered | settings)
        if change is None or change.plan.choice.memory.device_bytes >= now.choice.memory.device_bytes:
            continue
        gathered, now = gathered | settings, change.plan
        if change.plan.fits:
            return change
    return None


def candidate_settings(situation: Situation, engine: str) -> Iterator[dict[str, Any]]:
    """Yield changes that don't change what is learned first, then those that do, the mildest first."""
    config = situation.config
    training, lora = config.training, config.lora
    if training.memory_budget_gb is not None and training.memory_budget_gb * 1e9 < situation.device.memory_bytes:
        yield {"training.memory_budget_gb": None}
    if training.gradient_checkpointing is not True and engine == "packed":
        yield {"training.gradient_checkpointing": True}
    elif training.gradient_checkpointing != "auto" and engine == "trainer":
        yield {"training.gradient_checkpointing": "auto"}
    if training.micro_batch_tokens != "auto" and engine == "packed":
        yield {"training.micro_batch_tokens": "auto"}
    if training.engine == "trainer":
        yield {"training.engine": "auto"}
    if config.model.dtype == "fp16" and situation.device.bf16 and lora.use_lora:
        yield {"model.dtype": "bf16"}
    size = training.batch_size
    while engine == "trainer" and size > 1 and size % 2 == 0:
        size //= 2
        accumulated = training.gradient_accumulation_steps * (training.batch_size // size)
        yield {"training.batch_size": size, "training.gradient_accumulation_steps": accumulated}
    if (training.eval_batch_size or training.batch_size) > 1 and situation.evaluation is not None:
        yield {"training.eval_batch_size": 1}
    if not lora.use_lora:
        yield {"training.optim": "adamw_bnb_8bit"} if "8bit" not in training.optim else {}
        yield {"lora.use_lora": True, "lora.use_qlora": False}
        yield {"lora.use_lora": True, "lora.use_qlora": True}
    elif not lora.use_qlora:
        yield {"lora.use_qlora": True}
    if lora.use_lora and lora.dropout:
        yield {"lora.dropout": 0.0}
    if lora.use_lora and lora.r > 8:
        yield {"lora.r": lora.r // 2}
    if config.tokenizer.encoder_max_len > _SHORT_PROMPT:
        yield {"tokenizer.encoder_max_len": _SHORT_PROMPT}


def _tried(plan: Plan, settings: dict[str, Any]) -> Change | None:
    """Return the plan with some settings changed, or None where they can't be had."""
    if not settings:
        return None
    config = plan.situation.config.model_copy(deep=True)
    try:
        for key, value in settings.items():
            section, name = key.split(".")
            setattr(getattr(config, section), name, value)
        other = make_plan(replace(plan.situation, config=config))
    except YoyakError:
        return None
    return _change(plan, other, settings)


def _with_flash(plan: Plan) -> Change | None:
    """Return what Flash Linear Attention would buy, where it could compute gated delta rules and does not."""
    situation, job = plan.situation, plan.choice.job
    delta = situation.shape.delta
    if delta is None or job.flash or job.cpu or job.engine != "packed" or delta.key_width > WIDEST_FLASH_KEY:
        return None
    return _change(plan, make_plan(replace(situation, flash=True)), {}, "pip install 'yoyak[fla]'")


def _change(plan: Plan, other: Plan, settings: dict[str, Any], installed: str = "") -> Change:
    before, after = plan.choice.memory.device_bytes, other.choice.memory.device_bytes
    return Change(settings, before - after, plan.total_seconds - other.total_seconds, other, installed)


def is_worth_a_line(plan: Plan, change: Change) -> bool:
    """Tell whether a change makes the run fit, or saves enough memory or time to be named."""
    if change.plan.fits and not plan.fits:
        return True
    return change.saved_bytes > _WORTH_BYTES or change.saved_seconds > _WORTH_SHARE * plan.total_seconds


def gain_of(plan: Plan, change: Change) -> float:
    """Return the larger share saved, of time or memory; memory counts half where the run fits anyway."""
    memory = change.saved_bytes / plan.choice.memory.device_bytes
    return max(change.saved_seconds / plan.total_seconds, memory * (0.5 if plan.fits else 1.0))


def _written(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
