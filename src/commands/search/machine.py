"""What a search's trials are counted for: the model's shape, the lengths of its data, and this machine."""

import logging
from typing import TYPE_CHECKING

from ...config.schema import Config
from ...errors import YoyakError
from ...search.costs import Machine
from ..train.train_plan import device_of_run

if TYPE_CHECKING:
    from ...data.files.sources import DialogueRow
    from ...planner.devices import Device
    from ...planner.lengths import Lengths

_CPU_BANDWIDTH = 2e10  # bytes a second, where nothing was measured; the pace of the first trial corrects it


def search_machine(config: Config, train: "list[DialogueRow]", dev: "list[DialogueRow]") -> Machine:
    """Return what costs are counted for; the data is tokenized for it.

    Raises:
        YoyakError: the model can't be planned, or its tokenizer not be loaded.
    """
    from ...models.flash_here import flash_is_here
    from ...models.lora_loader import LoRALoader
    from ...planner.shapes import shape_of_config

    loader = LoRALoader(config, logging.getLogger("yoyak"))
    tokenizer = loader.tokenizer
    shape = shape_of_config(loader.facts.model_config, config.model.checkpoint)
    of_train, of_dev = (_lengths(config, rows, tokenizer) for rows in (train, dev))
    device = _device(config)
    return Machine(shape, of_train, of_dev, device, flash=flash_is_here(shape, device))


def _lengths(config: Config, rows: "list[DialogueRow]", tokenizer: object) -> "Lengths":
    from ...data.llm_dataset import create_llm_dataset
    from ...data.prompt.prompts import prompt_arguments
    from ...planner.lengths import Lengths

    dialogues, summaries = [row.dialogue for row in rows], [row.summary for row in rows]
    dataset = create_llm_dataset(dialogues, summaries, tokenizer, **prompt_arguments(config))
    prompts = dataset.prompt_lengths
    return Lengths(prompts.tolist(), (dataset.lengths - prompts).tolist(), "the data")


def _device(config: Config) -> "Device":
    """Return this machine as the planner knows it; a processor that wasn't calibrated by its rate of products."""
    import psutil

    from ...models.compute import cpu_product_rates, resolve_compute
    from ...planner.devices import Device
    from ...planner.machine import cpu_name

    device = device_of_run()
    if device is not None:
        return device
    compute = resolve_compute(config.model.dtype)
    if compute.device != "cpu":
        raise YoyakError("this machine's card is not known to the planner; run yoyak plan --calibrate")
    rate = cpu_product_rates()[compute.dtype] * 1e9
    memory = psutil.virtual_memory().total
    return Device(
        cpu_name(), memory, _CPU_BANDWIDTH, rate, bf16=compute.dtype == "bf16", source="measured here", cpu=True
    )
