"""A run's settings: the experiment's, with what the command line says applied."""

import logging
from collections.abc import Collection, Mapping
from contextlib import suppress

from ...config.effects import OF_A_NEW_ADAPTER, without_effect_in_schedule
from ...config.loader import leave_out_default_4bit, load_config_with_sources
from ...config.provenance import COMMAND_LINE
from ...config.schema import Config
from ...config.unread import refuse_unread_layout
from ...errors import YoyakError
from ...evaluation.tokenizations import need_analyser
from .request import TrainRequest

_LEAST_LORA_RATE = 1e-4
_DEBUG = {
    "data.max_train_examples": 50,
    "data.max_eval_examples": 10,
    "training.epochs": 1,
    "training.batch_size": 2,
    "training.report_to": [],
}
"""What `--debug` sets, where nothing else is typed."""


def resolve_config(request: TrainRequest) -> Config:
    """Return the experiment's settings with what follows of them applied: adapter kind, name, debug sizes.

    Raises:
        YoyakError: as in `load_config` and `leave_out_default_4bit`, or see `refuse_untrainable` and
            `take_over_adapter`.
    """
    config, sources = load_config_with_sources(request.experiment, request.overrides)
    leave_out_default_4bit(config, sources)
    if not config.lora.use_qlora and sources["experiment.name"] != COMMAND_LINE:
        kind = "_lora" if config.lora.use_lora else "_full"
        if config.experiment.name.endswith("_qlora"):
            config.experiment.name = config.experiment.name.removesuffix("_qlora") + kind
    if request.debug:
        for setting, value in _DEBUG.items():
            if sources[setting] != COMMAND_LINE:
                section, _, name = setting.partition(".")
                setattr(getattr(config, section), name, value)
    refuse_untrainable(config)
    take_over_adapter(config, sources)
    return config


def refuse_untrainable(config: Config) -> None:
    """Raise YoyakError for settings that no training goes by, whatever the machine and data."""
    from ...models.adapter_config import refuse_no_adapter, refuse_on_4bit

    need_analyser(config.evaluation.tokenization)
    if config.generation.mbr_references == "start":
        raise YoyakError("generation.mbr_references = start: is for models that were refined; leave it out of training")
    lora = config.lora
    if not lora.use_lora:
        for name in ("adapter", "loraplus_lr_ratio"):
            if getattr(lora, name) is not None:
                raise YoyakError(f"lora.{name} without lora.use_lora: all weights train, no adapter; leave one out")
        return
    if lora.adapter is not None:
        refuse_no_adapter(lora.adapter)
        return
    if lora.use_qlora:
        refuse_on_4bit(lora.init, "lora.init")
    if lora.init == "orthogonal" and lora.r % 2:
        raise YoyakError(f"lora.init = orthogonal needs an even lora.r, not {lora.r}")
    if not lora.target_modules:
        raise YoyakError("lora.target_modules: is empty; name layers, such as lora.target_modules=[q_proj,v_proj]")


def take_over_adapter(config: Config, sources: Mapping[str, str]) -> None:
    """Give settings of a new adapter the values of `lora.adapter`, which goes on as it is: they are what is trained.

    Raises:
        YoyakError: another value was typed, or one of an adapter or of 4 bit where there is none.
    """
    from ...models.adapter_config import refuse_typed, settings_of_its_own

    typed = [setting for setting, source in sources.items() if source == COMMAND_LINE]
    _refuse_of_no_adapter(config, typed)
    if "dataset.format_type" not in config.search.space:
        refuse_unread_layout(config, typed)
    refuse_typed(config.lora, typed)
    for name, value in settings_of_its_own(config.lora).items():
        with suppress(ValueError):  # of a broken file, which is refused where the adapter is loaded
            setattr(config.lora, name, value)


def _refuse_of_no_adapter(config: Config, typed: Collection[str]) -> None:
    """Raise YoyakError for a typed setting of an adapter, or of 4 bit, where no run has one."""
    lora, tried = config.lora, config.search.space
    if not lora.use_lora and "lora.use_lora" not in tried:
        for name in (*OF_A_NEW_ADAPTER, "cache_dequantized"):
            if f"lora.{name}" in typed:
                raise YoyakError(f"lora.{name} without lora.use_lora: all weights train, no adapter; leave one out")
    in_4bit = lora.use_qlora or "lora.use_qlora" in tried
    if not in_4bit and lora.cache_dequantized != "auto" and "lora.cache_dequantized" in typed:
        raise YoyakError("lora.cache_dequantized without lora.use_qlora: no weights are in 4 bit; leave one out")


def warn_no_warmup(config: Config, logger: logging.Logger) -> None:
    """Say that a warm-up which is set is none."""
    for sentence in without_effect_in_schedule(config.training):
        logger.warning(sentence)


def warn_long_warmup(config: Config, logger: logging.Logger) -> None:
    """Say that a refining's learning rate rises until the last step."""
    refine = config.refine
    if 0 < refine.steps - 1 < refine.warmup_steps:
        logger.warning(
            "refine.warmup_steps = %d: of %d steps the learning rate rises in all, and is reached at the last one",
            refine.warmup_steps,
            refine.steps,
        )


def warn_low_rate(config: Config, logger: logging.Logger) -> None:
    """Say that a LoRA run hardly learns at a learning rate for full fine-tuning, and name a better one."""
    rate = config.training.learning_rate
    if config.lora.use_lora and rate < _LEAST_LORA_RATE:
        better = "1e-3" if (config.model.size or "").upper().endswith("M") else "2e-4"
        logger.warning(
            "training.learning_rate = %g is low for LoRA, which hardly learns at it; try training.learning_rate=%s",
            rate,
            better,
        )
