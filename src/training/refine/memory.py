"""How many summaries are drawn at a time, and what of the memory is left for the update."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from ...config.schema import Config
from ...errors import YoyakError
from ...planner.constants import MEMORY
from ...planner.drawing import most_rows
from ...planner.fastest import MemoryLimits
from ...planner.refining import RefineChoice, fastest_refining, group_tokens, refine_job, refining_of_one_card
from ...planner.step_work import ExampleTokens
from ...ranks.group import rank_count
from ..memory_plan import SHARE_OF_FREE_MEMORY, job_of_model, this_device

if TYPE_CHECKING:
    from .refiner import RefineExample


@dataclass(frozen=True)
class GroupLengths:
    """The groups of a refining's steps, as a planner of a training sees a data set.

    Attributes:
        lengths: tokens of each dialogue's group.
        prompt_lengths: those of them that are no targets.
        groups: that each is one.
    """

    lengths: list[int]
    prompt_lengths: list[int]
    groups: ClassVar = True

    @classmethod
    def of(cls, examples: "Sequence[RefineExample]", config: Config) -> "GroupLengths":
        """Return the groups of some dialogues."""
        groups = group_tokens(example_tokens(examples), config)
        return cls([tokens for tokens, _ in groups], [tokens - targets for tokens, targets in groups])


def example_tokens(examples: "Sequence[RefineExample]") -> tuple[ExampleTokens, ...]:
    """Return tokens of each dialogue's prompt with its reference, and of the reference."""
    return tuple((len(one.prompt) + len(one.reference_ids), len(one.reference_ids)) for one in examples)


def update_settings(config: Config, budget_gb: float | None) -> Config:
    """Return the settings under which the update of a refining is planned as a training of groups."""
    settings = config.model_copy(deep=True)
    training, refine = settings.training, config.refine
    training.engine, training.memory_budget_gb, training.optim = "packed", budget_gb, "adamw_torch_fused"
    training.batch_size, training.gradient_accumulation_steps = refine.dialogues, 1
    training.max_steps = refine.steps
    if refine.micro_batch_tokens != "auto":
        training.micro_batch_tokens = refine.micro_batch_tokens
    return settings


def drawing_rows(
    model: Any, config: Config, trained: "Sequence[RefineExample]", evaluated: "Sequence[RefineExample]"
) -> tuple[int, float | None]:
    """Return the summaries that are drawn at a time, and on a GPU the GB that are left for the update.

    Args:
        model: loaded, with the adapter that trains.
        config: of the run.
        trained: dialogues that are drawn for.
        evaluated: dialogues that are summarized in between.

    Raises:
        YoyakError: refining does not fit into the GPU's memory.
    """
    device, config = model.get_input_embeddings().weight.device, refining_of_one_card(config, rank_count())
    if device.type == "cpu":
        return most_rows(config, cpu=True), None
    free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    budget = config.training.memory_budget_gb
    limits = MemoryLimits(budget * 1e9 if budget else float(free), SHARE_OF_FREE_MEMORY * free + MEMORY.context)
    job = refine_job(config, job_of_model(model, config.training, "packed"))
    chosen = fastest_refining(
        config, job, this_device(), (example_tokens(trained), example_tokens(evaluated[:: rank_count()])), limits
    )
    if not chosen.fits:
        where = f"training.memory_budget_gb = {budget:g}" if budget else "the GPU's free memory"
        raise YoyakError(
            f"{where}: refining takes {chosen.memory.peak_bytes / 1e9:.1f} GB at the least "
            f"({chosen.memory.device_bytes / 1e9:.1f} with CUDA's own); raise it, lower refine.samples or lora.r, or "
            "set lora.use_qlora=true"
        )
    return chosen.rows, left_bytes(chosen, limits) / 1e9


def left_bytes(chosen: RefineChoice, limits: MemoryLimits) -> float:
    """Return what the update may take at its peak: of the allocator's limit and of the card's, the lesser."""
    parts = chosen.memory.parts
    outside = sum(parts[name] for name in ("outside", "context", "slack"))
    return min(limits.peak_bytes, limits.device_bytes - outside) - parts["caches"] - parts["copies"]
