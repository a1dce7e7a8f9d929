"""What a run decides at its start, in one place, so that a run which goes on decides and measures nothing anew."""

import logging
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ...bilingual import Text, halves
from ...config.effects import without_attention, without_effect_in_training
from ...config.schema import Config, TrainingSettings
from ...decoder.described import describe
from ...decoder.gated_delta import delta_kernels
from ...errors import YoyakError
from ...inference.probe import generates_fast
from ...models.causal_head import without_wrapper
from ...models.compute import BESIDE_A_GPU, ComputeChoice, resolve_compute
from ...models.dequantized import keeps_dequantized
from ...models.own_delta_rule import train_own_delta_rule
from ...models.probe import found_by_probes, recall_probes, untouched
from ...planner.sharding import Sharding
from ...ranks.group import agreed, open_channels
from ..engine import EngineChoice, choose_engine
from ..guards.deterministic import prepare_deterministic
from ..memory_plan import MemoryPlan, plan_packed, recomputes_layers
from ..probe import probed_engine
from ..several.sharding import refuse_other_engine

_CUT = Text("all weights are cut over the processes", "모든 가중치를 프로세스마다 나눔")


@dataclass(frozen=True)
class Resolved:
    """What a run has decided at its start.

    Attributes:
        compute: device, compute type and threads.
        engine: what computes the gradients, and its micro-batch.
        cache_dequantized: whether 4-bit weights are kept dequantized.
        recomputes: whether layers compute their activations again (trainer engine), or may where memory runs out
            (packed engine).
        memory_plan: of the packed engine on a GPU.
        probes: what was found of the model's engines, by what they were for (see `models.probe`).
        deterministic: whether only kernels that give the same bits each time run.
        sharding: whether weights are cut over the ranks.
    """

    compute: ComputeChoice
    engine: EngineChoice
    cache_dequantized: bool
    recomputes: bool
    memory_plan: MemoryPlan | None = None
    probes: dict[str, dict[str, Any]] = field(default_factory=dict)
    deterministic: bool = False
    sharding: Sharding = "none"

    @property
    def cuts_weights(self) -> bool:
        """Tell whether all weights train, cut over the ranks."""
        return self.sharding == "weights" and self.engine.name == "trainer"

    def optimizer(self, wanted: str) -> str:
        """Return the optimizer that runs in place of `wanted`: by the plan, or since it needs CUDA."""
        planned = self.memory_plan.optimizer if self.memory_plan else None
        return planned or self.compute.optimizer(wanted)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it, reasons in both languages."""
        values = asdict(self)
        for name, part in (("compute", self.compute), ("engine", self.engine)):
            values[name] |= halves("reason", part.reason)
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Resolved":
        """Return what `as_dict` wrote, also in versions that knew less."""
        compute, engine = (_with_reason(values[name]) for name in ("compute", "engine"))
        parts = {"compute": ComputeChoice(**compute), "engine": EngineChoice(**engine)}
        plan = values["memory_plan"]
        return cls(**values | parts | {"memory_plan": MemoryPlan(**plan) if plan else None})

    def record(self, training: TrainingSettings) -> dict[str, object]:
        """Return what `run.json` says of it, beside what is known from the loading."""
        return self.engine.resolved(training) | {
            "probes": self.probes,
            "optimizer": self.optimizer(training.optim),
            "gradient_checkpointing": training.gradient_checkpointing,
        }

    def apply(self) -> None:
        """Compute with the same number of threads.

        Raises:
            YoyakError: the run was on another kind of device.
        """
        import torch

        here = "cuda" if torch.cuda.is_available() else "cpu"
        if here != self.compute.device:
            raise YoyakError(
                f"the run was on {self.compute.device}, here is {here}: it can't go on; begin anew with --overwrite"
            )
        threads = BESIDE_A_GPU if here == "cuda" else self.compute.threads  # earlier versions kept one a core there
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


def resolve(
    config: Config,
    model: Any,
    train_dataset: Any,
    eval_dataset: Any = None,
    *,
    compute: ComputeChoice | None = None,
    earlier: Resolved | None = None,
    sharding: Sharding = "none",
    logger: logging.Logger | None = None,
) -> Resolved:
    """Decide all that a run decides at its start; to be asked once, before its trainer is built.

    The model, which has the adapter that trains, is the same afterwards. `compute` is what it was loaded in, where that
    is known; `sharding` says whether weights are cut over the ranks; `earlier` is what was decided for the run that
    goes on, of which this is the next process.

    Raises:
        YoyakError: the engine that is asked for can't train the model or computes otherwise than the model itself, the
            training doesn't fit into the GPU's memory, or `earlier` is of another kind of device.
    """
    training, logger = config.training, logger or logging.getLogger("yoyak")
    scored = training.metric_for_best_model == "rouge_sum" or config.evaluation.generate
    if training.deterministic:  # the probes are to run what the training will
        prepare_deterministic()
    refused = train_own_delta_rule(model)  # before the probe runs the model's own backward
    open_channels()
    with untouched(model):
        if earlier is not None:
            compute, engine = earlier.compute, _engine_again(config, model, earlier, logger)
            refuse_other_engine(config, engine.name, sharding)
        else:
            compute = compute or resolve_compute(config.model.dtype)
            engine = choose_engine(training, model, compute)
            if sharding == "weights" and not config.lora.use_lora:
                engine = replace(engine, name="trainer", reason=_CUT)
            engine = probed_engine(training, model, engine, logger)
        own_attention = engine.name == "packed"
        if scored and eval_dataset is not None and len(eval_dataset):
            own_attention = generates_fast(model) and own_attention
    logger.info("Engine: %s (%s)", engine.name, engine.reason)
    unread = without_effect_in_training(training, engine.name, compute.device)
    for sentence in [*unread, *(without_attention(config.model) if own_attention else [])]:
        logger.warning(sentence)
    if engine.name == "packed":
        kernels = delta_kernels(describe(without_wrapper(model)), model.get_input_embeddings().weight.device)
        if kernels is not None:
            logger.info("Gated delta rule: %s", kernels)
    elif refused is not None and compute.device == "cuda":
        logger.info("Gated delta rule: transformers' own operations of torch (%s)", refused)
    found, deterministic = found_by_probes(model), training.deterministic
    if earlier is not None:
        return replace(earlier, probes=found, deterministic=deterministic, sharding=sharding)
    plan, again = None, training.gradient_checkpointing is not False
    if engine.name == "trainer":
        again = recomputes_layers(model, train_dataset, eval_dataset, training)
    elif compute.device == "cuda":
        plan = plan_packed(model, train_dataset, eval_dataset, training)
        logger.info("Memory: %s", plan)
    return Resolved(compute, engine, keeps_dequantized(model), again, plan, found, deterministic, sharding)


def agreed_by_all(resolved: Resolved) -> Resolved:
    """Return rank 0's decisions, on all ranks: one's measurements count, and all compute alike."""
    return agreed(lambda: resolved)


def _engine_again(config: Config, model: Any, earlier: Resolved, logger: logging.Logger) -> EngineChoice:
    """Return the engine of a run that goes on: what its probes found stands; one begun without is probed now."""
    earlier.apply()
    if earlier.probes:
        recall_probes(model, earlier.probes)
        return earlier.engine
    engine = probed_engine(config.training, model, earlier.engine, logger)
    if engine != earlier.engine:
        run_dir = config.experiment.run_dir
        raise YoyakError(f"{run_dir}: can't go on: {engine.reason}; begin anew with --overwrite")
    return engine


def _with_reason(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a choice with its reason as a pair of its halves, where it has both."""
    korean = values.get("reason_ko")
    rest = {name: value for name, value in values.items() if name != "reason_ko"}
    return rest | ({"reason": Text(values["reason"], korean)} if korean else {})
