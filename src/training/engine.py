"""Which engine trains: the packed one wherever it can, else the Trainer's."""

from dataclasses import dataclass
from typing import Any, Literal

from peft import PeftModel

from ..bilingual import Text, halves, korean
from ..config.schema import TrainingSettings
from ..decoder.packed_decoder import packing_obstacle
from ..errors import YoyakError
from ..kernels.float8 import float8_obstacle
from ..models.compute import ComputeChoice
from ..planner.job import refuse_float8, settings_obstacle

_AS_CONFIGURED = Text("as configured", "설정대로")
_MICRO_BATCH_TOKENS = {"cpu": 1024, "cuda": 8192}


@dataclass(frozen=True)
class EngineChoice:
    """What computes the gradients of a run.

    Attributes:
        name: `packed` (`PackedTrainer`) or `trainer` (`ResponseTrainer`, padded batches under autograd).
        reason: why this one.
        micro_batch_tokens: most tokens of a micro-batch of the packed engine.
        float8: whether its products with frozen weights are in 8 bit.
    """

    name: Literal["packed", "trainer"]
    reason: str
    micro_batch_tokens: int
    float8: bool = False

    def resolved(self, training: TrainingSettings) -> dict[str, object]:
        """Return what a run's record says of it."""
        micro_batch: dict[str, object] = (
            {"micro_batch_tokens": self.micro_batch_tokens} | ({"base_precision": "fp8"} if self.float8 else {})
            if self.name == "packed"
            else {
                "micro_batch_examples": training.batch_size,
                "micro_batches_a_step": training.gradient_accumulation_steps,
            }
        )
        return {"engine": self.name, **halves("engine_reason", self.reason), **micro_batch}


def choose_engine(training: TrainingSettings, model: Any, compute: ComputeChoice) -> EngineChoice:
    """Return the engine that `training.engine` asks for, or with `auto` the packed one wherever it can train the model.

    Raises:
        YoyakError: the packed engine or products in 8 bit are asked for, and can't be had.
    """
    tokens = training.micro_batch_tokens
    tokens = _MICRO_BATCH_TOKENS[compute.device] if tokens == "auto" else tokens
    obstacle = settings_obstacle(training, compute.dtype) or packing_obstacle(model)
    float8, weight = training.base_precision == "fp8", model.get_input_embeddings().weight
    if float8:
        against = obstacle or float8_obstacle(weight.device, weight.dtype)
        refuse_float8(training.engine, not isinstance(model, PeftModel), against)
    if training.engine == "trainer":
        return EngineChoice("trainer", _AS_CONFIGURED, tokens)
    if obstacle is None:
        reason = _AS_CONFIGURED if training.engine == "packed" else Text("the model allows it", "모델이 지원함")
        return EngineChoice("packed", reason, tokens, float8)
    if training.engine == "packed":
        raise YoyakError(f"training.engine = packed can't train this: {obstacle}; set training.engine=auto")
    why = Text(f"the packed engine can't: {obstacle}", f"packed 엔진으로 할 수 없음: {korean(obstacle)}")
    return EngineChoice("trainer", why, tokens)
