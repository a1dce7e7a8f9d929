"""The schema of `run.json`, which runs write and all who read runs read.

Every key may be missing or null, as in a run that was interrupted or of an older version; a value of the wrong type is
an error, and keys that are not known here are kept. The docstring under each field is its row in `docs/run-json.md`
(`scripts/docs_run_json.py`).
"""

from typing import Any, Literal

from pydantic import Field

from .outcomes import Faults, PlanFigures, RefineFigures, RunScores, TrainFigures
from .run_part import Known, Number, RunPart

RECORD_FILE = "run.json"
UNFINISHED = ("running", "interrupted", "failed")


class Resumption(RunPart):
    """A time at which the run went on after it had stopped."""

    at: str | None = None
    """When, in UTC."""
    step: int | None = None
    """From which optimizer step."""


class RunDevice(RunPart):
    """The machine part that computed."""

    type: str | None = None
    """`cpu` or `cuda`."""
    name: str | None = None
    """Of the processor or the card."""
    memory_bytes: int | None = None
    """What it has."""
    threads: int | None = None
    """With which a CPU computed."""


class SettingChange(RunPart):
    """A setting's value in the base config and in this run."""

    base: Any = None
    """In `configs/base/causal_lm.yaml`."""
    value: Any = None
    """In this run."""


class SplitData(RunPart):
    """Where a split's dialogues came from."""

    source: str | None = None
    """The file, as the settings name it."""
    sha256: str | None = None
    """Of the file that was read; null where it was none (the hub, a shipped sample)."""
    rows: int | None = None
    """Dialogues that were read and used."""
    encoding: str | None = None
    """In which the file was read."""
    dropped: Known[int] | None = None
    """Rows left out, by reason."""
    duplicate_dialogues: int | None = None
    """Rows whose dialogue came before."""
    examples: int | None = None
    """What was made of the rows; five of each with `data.instruction_augmentation`."""
    changed_during_run: bool | None = None
    """The file was another at the end; the run used what it held at the start."""
    trained_on: int | None = None
    """Evaluation dialogues that are in the training data too, on which scores are too good; null for that data."""


class ResolvedChoices(RunPart):
    """What was decided when the run started."""

    device: str | None = None
    """`cpu` or `cuda`."""
    processes: int | None = None
    """How many trained together, each with a GPU of its own; null is one."""
    sharding: str | None = None
    """Of several: `weights` where what one GPU could not hold was cut over them, else `none`."""
    compute_dtype: str | None = None
    """`fp32`, `bf16` or `fp16`."""
    compute_dtype_reason: str | None = None
    """Why this one."""
    compute_dtype_reason_ko: str | None = None
    """Why, in Korean."""
    threads: int | None = None
    """Of a CPU."""
    cache_dequantized: bool | None = None
    """Whether 4-bit weights are kept dequantized beside."""
    model_revision: str | None = None
    """The commit of a hub's checkpoint; null for a folder or a bundled model."""
    model_positions: int | None = None
    """How many tokens the model can place."""
    end_token_ids: list[int] | None = None
    """What ends a summary."""
    ignored_generation_wishes: Any = None
    """Settings of the checkpoint's `generation_config.json` that do not hold here."""
    engine: str | None = None
    """`packed` or `trainer`."""
    engine_reason: str | None = None
    """Why this one."""
    engine_reason_ko: str | None = None
    """Why, in Korean."""
    micro_batch_tokens: int | None = None
    """Most tokens of a micro-batch of the packed engine."""
    base_precision: str | None = None
    """`fp8` where products with frozen weights are in 8 bit."""
    micro_batch_examples: int | None = None
    """Examples of a micro-batch of the trainer engine."""
    micro_batches_a_step: int | None = None
    """Of the trainer engine."""
    memory_plan: dict[str, Any] | None = None
    """How the packed engine uses a GPU's memory."""
    gradient_checkpointing: Literal["auto"] | bool | None = None
    """As configured."""
    optimizer: str | None = None
    """Under transformers' name."""
    prompt: dict[str, Any] | None = None
    """The prompt around a dialogue, with which the model is used later: texts before and after it, the end token."""
    chat_template_date: str | None = None
    """The day that a chat template of the tokenizer's own which prints one is given."""
    no_export: dict[str, Any] | None = None
    """Exports that the result can't be written to, with why."""
    probes: dict[str, Any] | None = None
    """Losses of the engines beside that of the model's own forward, by what they were for."""


class AdapterCoverage(RunPart):
    """Which share of the layers' weights has adapters and is in 4 bit."""

    layer_weights: int | None = None
    """Values in the layers' matrices."""
    adapters: float | None = None
    """Share of 1 with an adapter."""
    four_bit: float | None = Field(None, alias="4_bit")
    """Share of 1 in 4 bit."""
    without_adapter: Known[float] = {}
    """Shares of those that lack one though it was asked for, by kind of matrix."""
    in_16_bit: Known[float] = {}
    """Shares of those that stay in 16 bit though 4 was asked for, by kind of matrix."""


class SplitTruncation(RunPart):
    """How many prompts of a split were shortened, and by how much."""

    examples: int | None = None
    """Of the split."""
    prompts_cut: int | None = None
    """Examples whose dialogue was shortened to `tokenizer.encoder_max_len`."""
    turns_cut: int | None = None
    """Turns that were left out of them."""
    tokens_cut: int | None = None
    """Tokens that were left out of them."""
    long_summaries: int | None = None
    """Summaries longer than `tokenizer.decoder_max_len`; they are trained on whole."""


class SplitLengths(RunPart):
    """Lengths of a split's examples in tokens."""

    mean: Number | None = None
    """Mean."""
    p50: Number | None = None
    """Median."""
    p95: Number | None = None
    """95th percentile."""
    max: Number | None = None
    """The longest."""
    histogram: list[tuple[Number, int]] = []
    """(upper bound, count), in order, empty bins too."""


class RunRecord(RunPart):
    """`run.json`."""

    yoyak: str | None = None
    """The version that wrote it."""
    name: str | None = None
    """`experiment.name`."""
    status: str | None = None
    """`running`, `completed`, `interrupted` or `failed`; a killed run stays at `running`."""
    debug: bool | None = None
    """Whether it was started with `--debug`, and may be replaced."""
    command: str | None = None
    """What was typed."""
    started: str | None = None
    """When, in UTC, as ISO 8601."""
    ended: str | None = None
    """When, in UTC; missing while it runs."""
    error: str | None = None
    """Why it failed."""
    resumed: list[Resumption] = []
    """Each time that it went on."""
    seed: int | None = None
    """`training.seed`."""
    commit: str | None = None
    """Of yoyak's source; null where it was installed from a wheel."""
    device: RunDevice = RunDevice()
    versions: Known[str] = {}
    """Of Python and of the packages that decide a run's numbers."""
    config: dict[str, Any] = {}
    """All settings, as [settings.md](settings.md) lists them."""
    settings_changed: Known[SettingChange] = {}
    data: Known[SplitData] = {}
    resolved: ResolvedChoices = ResolvedChoices()
    trainable_parameters: int | None = None
    """Parameters that train."""
    total_parameters: int | None = None
    """All parameters."""
    coverage: AdapterCoverage | None = None
    truncation: Known[SplitTruncation] = {}
    lengths: Known[SplitLengths] = {}
    scores: RunScores = RunScores()
    faults: Faults | None = None
    train: TrainFigures = TrainFigures()
    refine: RefineFigures | None = None
    plan: PlanFigures = PlanFigures()
    model_path: str | None = None
    """Where the final model is."""
