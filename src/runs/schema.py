"""The schema of `run.json`, which runs write and all who read runs read, and of a run's lines of JSON.

Every key may be missing or null, as in a run that was interrupted or of an older version; a value of the wrong type is
an error, and keys that are not known here are kept. The docstring under each field is its row in `docs/run-json.md`
(`scripts/docs_run_json.py`).
"""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ..bilingual import Text

FILE = "run.json"
UNFINISHED = ("running", "interrupted", "failed")
T = TypeVar("T")
Number = int | float


def _without_nulls(value: Any) -> Any:
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


Known = Annotated[dict[str, T], BeforeValidator(_without_nulls)]
"""A mapping in which null says the same as a missing key."""


class RunPart(BaseModel):
    """Base of all parts: null is the same as a missing key."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=(), populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        """Leave out nulls where a part, a mapping or a text must be; others are kept, so that they are written."""
        if not isinstance(value, dict):
            return value
        must_be = {name for name, field in cls.model_fields.items() if field.default is not None}
        return {key: item for key, item in value.items() if item is not None or key not in must_be}

    def as_dict(self) -> dict[str, Any]:
        """Return what was set, ready for JSON."""
        return self.model_dump(by_alias=True, exclude_unset=True)


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


class ResolvedChoices(RunPart):
    """What was decided when the run started."""

    device: str | None = None
    """`cpu` or `cuda`."""
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
    gradient_checkpointing: bool | None = None
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


class StageScores(RunPart):
    """ROUGE F1 and chrF times 100 of generated summaries of the evaluation data."""

    rouge1: float | None = None
    """ROUGE-1. Beside it, and beside each score below, in newer runs: `rouge1_low` and `rouge1_high`, its 95% interval
    over dialogues; `rouge1_floor`, what chance alone scores, with `rouge1_floor_low` and `rouge1_floor_high`;
    `rouge1_lead3`, what the dialogues' first three turns score."""
    rouge1_low: float | None = None
    rouge1_high: float | None = None
    rouge1_floor: float | None = None
    rouge1_floor_low: float | None = None
    rouge1_floor_high: float | None = None
    rouge1_lead3: float | None = None
    rouge2: float | None = None
    """ROUGE-2."""
    rouge2_low: float | None = None
    rouge2_high: float | None = None
    rouge2_floor: float | None = None
    rouge2_floor_low: float | None = None
    rouge2_floor_high: float | None = None
    rouge2_lead3: float | None = None
    rougeL: float | None = None
    """ROUGE-L."""
    rougeL_low: float | None = None
    rougeL_high: float | None = None
    rougeL_floor: float | None = None
    rougeL_floor_low: float | None = None
    rougeL_floor_high: float | None = None
    rougeL_lead3: float | None = None
    rouge_sum: float | None = None
    """The sum of the three."""
    rouge_sum_low: float | None = None
    rouge_sum_high: float | None = None
    rouge_sum_floor: float | None = None
    rouge_sum_floor_low: float | None = None
    rouge_sum_floor_high: float | None = None
    rouge_sum_lead3: float | None = None
    rouge_mean: float | None = None
    """The mean of the three."""
    rouge_mean_low: float | None = None
    rouge_mean_high: float | None = None
    rouge_mean_floor: float | None = None
    rouge_mean_floor_low: float | None = None
    rouge_mean_floor_high: float | None = None
    rouge_mean_lead3: float | None = None
    chrf: float | None = None
    """chrF."""
    chrf_low: float | None = None
    chrf_high: float | None = None
    chrf_floor: float | None = None
    chrf_floor_low: float | None = None
    chrf_floor_high: float | None = None
    chrf_lead3: float | None = None
    tokenization: str | None = None
    """What ROUGE counted."""
    analyser: str | None = None
    """What cut the texts into morphemes, with its version; null where the tokenization is a rule of yoyak."""
    stemmer: bool | None = None
    """Whether English words were stemmed."""
    n: int | None = None
    """Dialogues."""
    unended: int | None = None
    """Summaries that ran into `tokenizer.decoder_max_len`."""
    reasoning_removed: int | None = None
    """Summaries out of which reasoning in tags was left."""


class RunScores(RunPart):
    """Scores before and after training; none without `evaluation.generate`."""

    zero_shot: StageScores | None = None
    """Of the base model."""
    fine_tuned: StageScores | None = None
    """Of the trained model."""


class OutOfMemory(RunPart):
    """How often memory ran out in one kind of work, and what was made of it."""

    count: int | None = None
    """Times."""
    micro_batch_tokens: int | None = None
    """What is computed at a time since, in training with the packed engine."""
    examples_at_a_time: int | None = None
    """The same in training with the trainer engine, and in evaluation."""
    batch_tokens: int | None = None
    """The same in generation."""

    @property
    def size(self) -> Text | None:
        """Return what memory has allowed since (`512 tokens`); None where it is not known."""
        tokens, examples = self.micro_batch_tokens or self.batch_tokens, self.examples_at_a_time
        if tokens:
            return Text(f"{tokens:,} tokens", f"토큰 {tokens:,}개")
        return Text(f"{examples:,} examples", f"예시 {examples:,}개") if examples else None


class Faults(RunPart):
    """What went wrong in the training and was mended."""

    bad_steps: int | None = None
    """Steps that were left out: their loss or gradient was not a number."""
    rollbacks: int | None = None
    """Times that the training went back to an earlier checkpoint, since its loss ran away."""
    out_of_memory_in_training: OutOfMemory | None = None
    """Where memory ran out in training."""
    out_of_memory_in_evaluation: OutOfMemory | None = None
    """Where it ran out in evaluation."""
    out_of_memory_in_generation: OutOfMemory | None = None
    """Where it ran out while summaries were generated."""


class TrainFigures(RunPart):
    """What the training took and reached."""

    loss: float | None = None
    """Mean training loss, in nats a target token."""
    eval_loss: float | None = None
    """Evaluation loss of the final model, in nats a target token."""
    eval_rouge_sum: float | None = None
    """ROUGE sum of the final model on the evaluation data, where the best checkpoint was chosen by it."""
    samples_per_second: float | None = None
    """Examples trained a second."""
    tokens_per_second: float | None = None
    """Tokens trained a second."""
    peak_memory_bytes: int | None = None
    """Of the card, or of the process on a CPU."""
    wall_seconds: float | None = None
    """The training with its evaluations, in all processes of the run."""
    saving_seconds: float | None = None
    """Of these, spent on checkpoints."""
    steps: int | None = None
    """Optimizer steps."""


class RefineFigures(RunPart):
    """What `yoyak refine` made of the evaluation dialogues' summaries."""

    why_ended: str | None = None
    """Why it took no further step."""
    why_ended_ko: str | None = None
    """Why, in Korean."""
    start: dict[str, Any] = {}
    """Figures of the evaluation before the first step, as in `metrics.jsonl`."""
    best: dict[str, Any] = {}
    """Those of the best evaluation, whose weights are the final model."""


class PlanFigures(RunPart):
    """What was predicted at the start, and what was measured."""

    predicted_peak_bytes: Number | None = None
    """Peak memory."""
    predicted_step_seconds: Number | None = None
    """One optimizer step."""
    predicted_seconds: Number | None = None
    """The whole training."""
    measured_peak_bytes: Number | None = None
    """Peak memory."""
    measured_step_seconds: Number | None = None
    """One optimizer step."""
    measured_seconds: Number | None = None
    """The whole training."""


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


class Metric(RunPart):
    """A line of `metrics.jsonl`; those of `yoyak refine` hold rewards instead of losses."""

    model_config = ConfigDict(extra="ignore")

    step: float | None = None
    """Optimizer steps so far. A run that went on logs some twice: the later line counts."""
    epoch: float | None = None
    """Epochs so far."""
    loss: float | None = None
    """Mean training loss since the last line, in nats a target token."""
    eval_loss: float | None = None
    """Evaluation loss, in nats a target token; an evaluation is a line of its own."""
    eval_rouge_sum: float | None = None
    """ROUGE sum of generated summaries, where the best checkpoint is chosen by it."""
    learning_rate: float | None = None
    """Of the step."""
    grad_norm: float | None = None
    """Of the step, before clipping."""
    tokens_per_second: float | None = None
    """Tokens trained a second since the last line, evaluations left out."""
    reward: float | None = None
    """Mean reward of the summaries that a step of `yoyak refine` drew; `eval_reward`, and so on below, of the
    evaluation dialogues' most likely ones, a line of its own."""
    eval_reward: float | None = None
    score: float | None = None
    """Its part for the score."""
    eval_score: float | None = None
    facts_kept: float | None = None
    """Share of the references' facts that the summaries keep."""
    eval_facts_kept: float | None = None
    facts_unsupported: float | None = None
    """Facts a summary that its dialogue does not hold."""
    eval_facts_unsupported: float | None = None
    words: float | None = None
    """Words a summary."""
    eval_words: float | None = None
    ended: float | None = None
    """Share of summaries that ended by themselves."""
    eval_ended: float | None = None
    repeated: float | None = None
    """Share of 3-grams that occurred before in their summary."""
    eval_repeated: float | None = None
    entropy: float | None = None
    """In nats a token, of what was drawn."""
    distance: float | None = None
    """Mean log-ratio a token to the model at the start; 0 without `refine.kl`."""


class Prediction(RunPart):
    """A line of `predictions.jsonl`: an evaluation dialogue."""

    model_config = ConfigDict(extra="ignore")

    fname: str | None = None
    """Its name in the data."""
    topic: str | None = None
    """Its topic there."""
    dialogue: str = ""
    """The dialogue."""
    summary: str | None = None
    """The reference."""
    zero_shot: str | None = None
    """The base model's summary."""
    fine_tuned: str | None = None
    """The trained model's summary."""
