"""A run's settings: the experiment's, with the flags of the command line applied."""

import logging

from ...config.loader import leave_out_default_4bit, load_config_with_sources
from ...config.provenance import COMMAND_LINE
from ...config.schema import Config
from ...errors import YoyakError
from ...evaluation.tokenizations import need_analyser
from .request import TrainRequest

_LEAST_LORA_RATE = 1e-4


def resolve_config(request: TrainRequest) -> Config:
    """Return the experiment's settings with the flags applied: adapter kind, name, augmentation, debug sizes.

    Raises:
        YoyakError: as in `load_config` and `leave_out_default_4bit`, or see `refuse_untrainable`.
    """
    config, sources = load_config_with_sources(request.experiment, request.overrides)
    if request.use_qlora is not None:
        config.lora.use_qlora, sources["lora.use_qlora"] = request.use_qlora, COMMAND_LINE
    leave_out_default_4bit(config, sources)
    if not config.lora.use_qlora and sources["experiment.name"] != COMMAND_LINE:
        kind = "_lora" if config.lora.use_lora else "_full"
        if config.experiment.name.endswith("_qlora"):
            config.experiment.name = config.experiment.name.removesuffix("_qlora") + kind
    if request.use_instruction_augmentation:
        config.data.instruction_augmentation = True
    if request.debug:
        config.data.max_train_examples, config.data.max_eval_examples = 50, 10
        config.training.epochs, config.training.batch_size = 1, 2
        config.training.report_to = []
    refuse_untrainable(config)
    return config


def refuse_untrainable(config: Config) -> None:
    """Raise YoyakError for settings that no training goes by, whatever the machine and data."""
    from ...models.adapter_config import refuse_no_adapter, refuse_on_4bit

    need_analyser(config.evaluation.tokenization)
    if config.generation.mbr_references == "start":
        raise YoyakError("generation.mbr_references = start: is for models that were refined; leave it out of training")
    lora = config.lora
    if not lora.use_lora:
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
