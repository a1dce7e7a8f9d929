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
    obstacle, float8 = _obstacle(training, model, compute), training.base_precision == "fp8"
    if float8:
        _refuse_float8(training, model, obstacle)
    if training.engine == "trainer":
        return EngineChoice("trainer", _AS_CONFIGURED, tokens)
    if obstacle is None:
        reason = _AS_CONFIGURED if training.engine == "packed" else Text("the model allows it", "모델이 지원함")
        return EngineChoice("packed", reason, tokens, float8)
    if training.engine == "packed":
        raise YoyakError(f"training.engine = packed can't train this: {obstacle}; set training.engine=auto")
    why = Text(f"the packed engine can't: {obstacle}", f"packed 엔진으로 할 수 없음: {korean(obstacle)}")
    return EngineChoice("trainer", why, tokens)


def _obstacle(training: TrainingSettings, model: Any, compute: ComputeChoice) -> str | None:
    if compute.dtype == "fp16":
        return Text("fp16 needs a gradient scaler", "fp16에는 그래디언트 스케일러가 필요함")
    if training.neftune_noise_alpha is not None:
        return Text("training.neftune_noise_alpha is set", "training.neftune_noise_alpha가 설정됨")
    return packing_obstacle(model)


def _refuse_float8(training: TrainingSettings, model: Any, obstacle: str | None) -> None:
    """Raise YoyakError where products with frozen weights can't be in 8 bit."""
    weight = model.get_input_embeddings().weight
    if training.engine == "trainer":
        obstacle = "training.engine is trainer"
    elif not isinstance(model, PeftModel):
        obstacle = "all weights train, none are frozen"
    else:
        obstacle = obstacle or float8_obstacle(weight.device, weight.dtype)
    if obstacle:
        raise YoyakError(f"training.base_precision = fp8: {obstacle}; leave it at compute")
