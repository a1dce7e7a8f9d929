"""What the formulas need to know of a run: the model's shape, the method, the optimizer and the engine."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from ..architectures import DELTA_LINEARS, LINEARS
from ..bilingual import Text
from ..config.schema import Config, TrainingSettings
from ..data.batches.bins import SIDE_BY_SIDE
from ..errors import YoyakError
from .devices import Device
from .model_shape import ModelShape

_NOT_ATTENTION = ("gate_proj", "up_proj", "down_proj", "in_proj", "out_proj")
_CPU_TOKENS = 1024  # training/packed_step.py
Method = Literal["qlora", "lora", "full"]
EngineName = Literal["packed", "trainer"]


@dataclass(frozen=True)
class Shards:
    """Weights that are cut over cards, and gathered a layer ahead of use.

    Attributes:
        cards: that hold a part each.
        bytes_a_second: that a card receives.
        latency: seconds that a gathering takes besides.
    """

    cards: int
    bytes_a_second: float
    latency: float

    def gather_seconds(self, size: float) -> float:
        """Return the seconds in which each card gets so many bytes, of which it has its own part."""
        return (self.cards - 1) / self.cards * size / self.bytes_a_second + self.latency


@dataclass(frozen=True)
class TrainingJob:
    """A training as the planner sees it.

    Attributes:
        dtype: of products on the card.
        examples: of an optimizer step.
        batch_size: examples of a micro-batch of the trainer engine.
        checkpointing: whether layers may compute their activations again; None lets the planner choose.
        micro_batch_tokens: of the packed engine; None lets the planner choose.
        cpu: whether a processor trains: no graphs, no CUDA context, no filler.
        float8: whether products with frozen weights are in 8 bit, of which two copies are held.
        shards: how weights are cut over cards: frozen ones in 4 bit, or all, with gradients and states.
        cards: that share each step; `batch_size` and `accumulation` are then of one card's part.
        flash: whether Flash Linear Attention is known to compute gated delta rules, which takes less memory and time.
        dealt: examples of a step of all cards, which get about as many tokens each; None where one has it all.
    """

    shape: ModelShape
    method: Method
    engine: EngineName
    dtype: Literal["bf16", "fp16", "fp32"]
    rank: int
    targets: tuple[str, ...]
    dropout: float
    optimizer: str
    batch_size: int
    accumulation: int
    checkpointing: bool | None
    micro_batch_tokens: int | None
    eval_batch_size: int = 8
    cpu: bool = False
    float8: bool = False
    shards: Shards | None = None
    cards: int = 1
    dealt: int | None = None
    flash: bool = False

    @property
    def examples(self) -> int:
        """Return the examples of an optimizer step, of several cards those of one's part."""
        return self.batch_size * self.accumulation

    @property
    def step_examples(self) -> int:
        """Return the examples of an optimizer step of all cards."""
        return self.dealt or self.examples

    @property
    def side_by_side(self) -> int:
        """Return how many micro-batches are computed at a time (`models.side_by_side`), given cores for it."""
        return SIDE_BY_SIDE if self.cpu and self.engine == "packed" and self.method != "full" else 1

    @property
    def element(self) -> int:
        """Return the bytes of a number in the compute type."""
        return 4 if self.dtype == "fp32" else 2

    @property
    def adapters(self) -> list[tuple[int, int]]:
        """Return (inputs, outputs) of each matrix with an adapter, of a layer with attention (of the first kind)."""
        linears = self.shape.linears
        return [linears[name] for name in self.targets if name in linears] if self.method != "full" else []

    @cached_property
    def trained_tensors(self) -> tuple[int, ...]:
        """Return the numbers of values of each trained tensor."""
        shape = self.shape
        if self.method != "full":
            every = range(shape.layers)
            return tuple(
                self.rank * size for layer in every for i, o, n in self.adapted if layer < n for size in (i, o)
            )
        layers = [size for kind in shape.kinds for size in _layer_tensors(kind) * kind.attention_layers]
        if shape.delta:
            matrices = [i * o for name, i, o, _ in shape.matrices if name.startswith(_NOT_ATTENTION)]
            layers += [*matrices, *[shape.width] * shape.norms, shape.delta.small_parameters] * shape.delta.layers
        tables = [shape.vocabulary * shape.width] * (1 if shape.tied else 2)
        return (*layers, *tables, shape.width)

    @cached_property
    def adapted(self) -> tuple[tuple[int, int, int], ...]:
        """Return (inputs, outputs, layers) of each kind of matrix that has an adapter."""
        adapted = self.targets if self.method != "full" else ()
        return tuple((i, o, count) for name, i, o, count in self.shape.matrices if name in adapted)

    @cached_property
    def trained(self) -> int:
        """Return the number of trained values."""
        return sum(self.trained_tensors)

    @property
    def trained_element(self) -> int:
        """Return the bytes of a trained value: adapters are float32, whole weights as loaded."""
        return 2 if self.method == "full" and self.dtype == "bf16" else 4

    def ranks(self, *names: str) -> int:
        """Return the sum of the ranks on some matrices of a layer."""
        return 0 if self.method == "full" else self.rank * sum(name in self.targets for name in names)


def _layer_tensors(shape: ModelShape) -> list[int]:
    """Return the numbers of values of the tensors of a layer with attention, of one kind."""
    norms = [*[shape.width] * shape.norms, *([shape.head_width] * 2 if shape.head_norms else [])]
    biases = [shape.attended, *[shape.key_heads * shape.head_width] * 2] if shape.biases else []
    return [*(inputs * outputs for inputs, outputs in shape.linears.values()), *norms, *biases]


def of_one_card(job: TrainingJob, cards: int) -> TrainingJob:
    """Return one card's part of a job whose steps so many share."""
    if cards == 1:
        return job
    own = -(-job.examples // cards)
    size = min(job.batch_size, own)
    return replace(job, batch_size=size, accumulation=-(-own // size), cards=cards, dealt=job.examples)


def method_of(config: Config) -> Method:
    """Return the method that a config asks for."""
    if not config.lora.use_lora:
        return "full"
    return "qlora" if config.lora.use_qlora else "lora"


def job_of(config: Config, shape: ModelShape, device: Device) -> TrainingJob:
    """Return the job of a config on a card, or on a processor, which computes in float32.

    Raises:
        YoyakError: an adapter on a matrix that the model does not have, or the packed engine where it can't train.
    """
    matrices = [*LINEARS, *(DELTA_LINEARS if shape.delta else ())]
    unknown = [name for name in config.lora.target_modules if name not in matrices]
    if unknown:
        raise YoyakError(f"lora.target_modules: {unknown[0]} can't be planned; the layers have {', '.join(matrices)}")
    dtype = "fp16" if config.model.dtype == "bf16" and not device.bf16 else config.model.dtype
    if device.cpu:
        dtype = "bf16" if device.bf16 and config.model.dtype != "fp32" else "fp32"
    training, method = config.training, method_of(config)
    obstacle = engine_obstacle(config, method, dtype)
    if training.engine == "packed" and obstacle:
        raise YoyakError(f"training.engine = packed can't train this: {obstacle}; set training.engine=auto")
    if training.base_precision == "fp8":
        units = not device.cpu and device.float8 is not False
        no_units = f"{device.name} has no float8 units (Ada, Hopper and later have)"
        refuse_float8(training.engine, method == "full", obstacle if units else no_units)
    checkpointing, tokens = training.gradient_checkpointing, training.micro_batch_tokens
    return TrainingJob(
        shape=shape,
        method=method,
        engine="trainer" if training.engine == "trainer" or obstacle else "packed",
        dtype=dtype,
        rank=config.lora.r,
        targets=tuple(name for name in matrices if name in config.lora.target_modules),
        dropout=config.lora.dropout if method != "full" else 0.0,
        optimizer="adamw_torch" if device.cpu and "bit" in training.optim else training.optim,
        batch_size=training.batch_size,
        accumulation=training.gradient_accumulation_steps,
        checkpointing=None if checkpointing == "auto" else checkpointing,
        micro_batch_tokens=(_CPU_TOKENS if device.cpu else None) if tokens == "auto" else tokens,
        eval_batch_size=training.eval_batch_size or training.batch_size,
        cpu=device.cpu,
        float8=training.base_precision == "fp8",
    )


def refuse_float8(engine: str, trains_whole: bool, obstacle: str | None) -> None:
    """Raise YoyakError where products with frozen weights can't be in 8 bit, by engine, method or `obstacle`."""
    if engine == "trainer":
        obstacle = "training.engine is trainer"
    elif trains_whole:
        obstacle = "all weights train, none are frozen"
    if obstacle:
        raise YoyakError(f"training.base_precision = fp8: {obstacle}; leave it at compute")


def engine_obstacle(config: Config, method: Method, dtype: str) -> str | None:
    """Return why the packed engine can't train a config, as far as settings tell; see `training.packed_step`."""
    dora = "DoRA" if config.lora.use_dora and method != "full" else None
    return settings_obstacle(config.training, dtype) or dora


def settings_obstacle(training: TrainingSettings, dtype: str) -> str | None:
    """Return why the packed engine can't train under these settings, whatever the model."""
    if dtype == "fp16":
        return Text("fp16 needs a gradient scaler", "fp16에는 그래디언트 스케일러가 필요함")
    if training.neftune_noise_alpha is not None:
        return Text("training.neftune_noise_alpha is set", "training.neftune_noise_alpha가 설정됨")
    return None
