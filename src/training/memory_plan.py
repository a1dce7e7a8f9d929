"""Run the planner on the loaded model, using measured memory."""

import logging
from dataclasses import dataclass, replace
from typing import Any

import torch
from peft import PeftModel
from transformers import TrainingArguments

from ..architectures import DELTA_LINEARS, LINEARS
from ..config.schema import TrainingSettings
from ..errors import MemoryFullError, YoyakError
from ..kernels.requirements import flash_delta_obstacle
from ..models.causal_head import without_wrapper
from ..models.dequantized import linear4bit_layers
from ..models.shared_layers import shared_layers_of
from ..planner.allocator import block
from ..planner.cluster import chosen_cluster
from ..planner.constants import MEMORY
from ..planner.devices import Device, find_device
from ..planner.evaluation import examples_at_a_time
from ..planner.fastest import AS_FAST, Choice, MemoryLimits, Workload, fastest_choice
from ..planner.job import EngineName, Shards, TrainingJob, of_one_card
from ..planner.machine import card_of_memory, read_profile
from ..planner.memory import optimizer_bytes
from ..planner.model_shape import ModelShape
from ..planner.shapes import shape_of_config
from ..planner.step_work import ExampleTokens, evaluation_batch
from ..ranks.group import rank_count
from .several.cut_weights import is_cut
from .several.sharding import CUT_OPTIMIZER

SHARE_OF_FREE_MEMORY = 0.97  # what the plan may take: other processes come and go
_TARGET_SHARE = 0.15  # of an example's tokens, where a data set does not tell
_DTYPES = {torch.bfloat16: "bf16", torch.float16: "fp16", torch.float32: "fp32"}


@dataclass(frozen=True)
class MemoryPlan:
    """The choice for a run of the packed engine, with what the planner predicts of it.

    `optimizer` is the one that runs, None in runs that were begun by versions which took the config's.
    `shares_beginning` says whether a micro-batch computes the tokens that all examples begin with once, as it always
    did in earlier versions.
    """

    micro_batch_tokens: int
    kept_layers: int
    keeps_inputs: bool
    peak_bytes: int
    device_bytes: int = 0
    step_seconds: float = 0.0
    optimizer: str | None = None
    shares_beginning: bool = True


def plan_loaded(
    model: Any, train_dataset: Any, eval_dataset: Any, training: TrainingSettings, engine: EngineName
) -> tuple[Choice, bool]:
    """Return the planner's choice for a model on the GPU, which nothing trains yet, and whether it fits."""
    job = job_of_model(model, training, engine)
    examples = dataset_examples(train_dataset)
    held = dataset_examples(eval_dataset) if eval_dataset is not None else ()
    whole_step = training.batch_size * training.gradient_accumulation_steps
    steps = training.max_steps or max(1, -(-int(len(examples) * training.epochs) // whole_step))
    largest = evaluation_batch(held, examples_at_a_time(job)) if held else None
    groups, common = bool(getattr(train_dataset, "groups", False)), common_tokens(train_dataset)
    load = Workload(examples, training.seed, steps, evaluation=largest, common=common, groups=groups)
    free = torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved()
    budget = training.memory_budget_gb * 1e9 if training.memory_budget_gb else float("inf")
    limits = MemoryLimits(budget, SHARE_OF_FREE_MEMORY * free + MEMORY.context)
    steady = None
    if engine == "packed":  # the probe has made its layers; its gradients and the optimizer's states are to come
        gradients = block(sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad))
        steady = torch.cuda.memory_allocated() + gradients + optimizer_bytes(job)[0]
    device = this_device()
    usual = fastest_choice(job, load, device, limits, steady)
    if not load.common or not job.flash:  # whose kernels are all called once more for what goes on from a beginning
        return usual
    alone = fastest_choice(job, replace(load, common=0), device, limits, steady)
    clearly_faster = usual[1] and usual[0].time.seconds < (1 - AS_FAST) * alone[0].time.seconds
    return alone if alone[1] and not clearly_faster else usual


def plan_packed(model: Any, train_dataset: Any, eval_dataset: Any, training: TrainingSettings) -> MemoryPlan:
    """Return the packed engine's plan on a GPU, within `training.memory_budget_gb` and what the card has free.

    Raises:
        MemoryFullError: not even the smallest micro-batch fits.
    """
    choice, fits = plan_loaded(model, train_dataset, eval_dataset, training, "packed")
    memory, tokens = choice.memory, choice.micro_batch_tokens
    assert tokens is not None
    if not fits:
        budget = training.memory_budget_gb
        where = f"training.memory_budget_gb = {budget:g}" if budget else "the GPU's free memory"
        smaller = "choose training.optim=paged_adamw_8bit" if choice.job.method == "full" else "lower lora.r"
        raise MemoryFullError(
            f"{where}: the training takes {memory.peak_bytes / 1e9:.1f} GB at the least "
            f"({memory.device_bytes / 1e9:.1f} with graphs and CUDA's own); raise it, lower "
            f"training.micro_batch_tokens, {smaller}, or set training.gradient_checkpointing=auto"
        )
    how, seconds = choice.how, choice.time.seconds
    return MemoryPlan(
        tokens,
        how.kept_layers,
        how.keeps_inputs,
        memory.peak_bytes,
        memory.device_bytes,
        seconds,
        choice.job.optimizer,
        shares_beginning=choice.work.levels > 1,
    )


def recomputes_layers(model: Any, train_dataset: Any, eval_dataset: Any, training: TrainingSettings) -> bool:
    """Tell whether the trainer engine computes layers again; where `auto` leaves it open, the planner says.

    Not on a CPU, where memory is seldom what is short; always where the planner doesn't know the model; never where its
    class can't.
    """
    log = logging.getLogger("yoyak")
    wanted = training.gradient_checkpointing
    causal_lm = without_wrapper(model)
    if not causal_lm.supports_gradient_checkpointing:
        if wanted is True:
            log.warning("training.gradient_checkpointing: off, since %s can't", type(causal_lm).__name__)
        return False
    if wanted != "auto":
        return wanted
    if not torch.cuda.is_available():
        return False
    try:
        return plan_loaded(model, train_dataset, eval_dataset, training, "trainer")[0].how.kept_layers == 0
    except YoyakError as error:
        log.warning("training.gradient_checkpointing = auto: on, since memory can't be planned (%s)", error)
        return True


def checkpointing_arguments(recomputes: bool) -> dict[str, Any]:
    """Return the arguments for recomputation under the names of the installed transformers (renamed after 5.17)."""
    renamed = "activation_checkpointing" in TrainingArguments.__dataclass_fields__
    name = "activation_checkpointing" if renamed else "gradient_checkpointing"
    return {name: recomputes, f"{name}_kwargs": {"use_reentrant": False}}


def job_of_model(model: Any, training: TrainingSettings, engine: EngineName) -> TrainingJob:
    """Return what the planner needs to know of a loaded model's training: of several ranks, of one's part of a step."""
    causal_lm = without_wrapper(model)
    adapter = next(iter(model.peft_config.values())) if isinstance(model, PeftModel) else None
    targets = set(adapter.target_modules or ()) if adapter else set()
    checkpointing, tokens = training.gradient_checkpointing, training.micro_batch_tokens
    trains_cut = is_cut(model)
    shape = shape_of_config(causal_lm.config.to_dict(), "the model")
    job = TrainingJob(
        shape=shape,
        method="full" if adapter is None else "qlora" if linear4bit_layers(causal_lm) else "lora",
        engine=engine,
        dtype=_DTYPES[causal_lm.get_input_embeddings().weight.dtype],  # type: ignore[arg-type]
        rank=adapter.r if adapter else 0,
        targets=tuple(name for name in (*LINEARS, *DELTA_LINEARS) if name in targets),
        dropout=adapter.lora_dropout if adapter else 0.0,
        optimizer=CUT_OPTIMIZER if trains_cut else training.optim,
        batch_size=training.batch_size,
        accumulation=training.gradient_accumulation_steps,
        checkpointing=None if checkpointing == "auto" or (checkpointing and engine == "packed") else checkpointing,
        micro_batch_tokens=None if tokens == "auto" else tokens,
        eval_batch_size=training.eval_batch_size or training.batch_size,
        float8=training.base_precision == "fp8",
        shards=_shards() if trains_cut or shared_layers_of(model) is not None else None,
        flash=engine == "packed" and _flash_computes(model, shape),
    )
    return of_one_card(job, rank_count())


def _flash_computes(model: Any, shape: ModelShape) -> bool:
    """Tell whether Flash Linear Attention computes a packed run's gated delta rules."""
    device = model.get_input_embeddings().weight.device
    return shape.delta is not None and flash_delta_obstacle(device, shape.delta.key_width) is None


def _shards() -> Shards:
    """Return how weights are cut over the ranks, with cards joined as such cards are sold."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    return chosen_cluster(rank_count(), 1, None, None, name.removeprefix("NVIDIA ")).shards()


def dataset_examples(dataset: Any) -> tuple[ExampleTokens, ...]:
    """Return tokens and targets of each example of a data set that knows its `lengths` (and `prompt_lengths`)."""
    known = getattr(dataset, "lengths", None)
    lengths = [int(n) for n in known] if known is not None else [len(item["input_ids"]) for item in dataset]
    prompts = getattr(dataset, "prompt_lengths", None)
    if prompts is None:
        return tuple((length, max(1, round(_TARGET_SHARE * length))) for length in lengths)
    return tuple((length, length - int(prompt)) for length, prompt in zip(lengths, prompts, strict=True))


def common_tokens(dataset: Any) -> int:
    """Return how many tokens all examples of a data set begin with; 0 where it does not know."""
    return int(getattr(dataset, "common_tokens", 0))


def this_device() -> Device:
    """Return this machine's card: as it was calibrated, from the table, or as fast as one with as much memory."""
    name, memory = torch.cuda.get_device_name(), torch.cuda.get_device_properties(0).total_memory
    profile = read_profile()
    if profile is not None and profile.name == name:
        return profile
    try:
        return find_device(name)
    except YoyakError:
        return card_of_memory(memory / 1e9)
