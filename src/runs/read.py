"""What a run wrote about itself: `run.json`, `metrics.jsonl` and `predictions.jsonl`, read and checked.

Every key may be missing or null, as in a run that was interrupted; a value of the wrong type is an error.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from ..errors import YoyakError

T = TypeVar("T")
UNFINISHED = ("running", "interrupted", "failed")


def _without_nulls(value: Any) -> Any:
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


Known = Annotated[dict[str, T], BeforeValidator(_without_nulls)]
"""A mapping in which null says the same as a missing key."""


class Record(BaseModel):
    """Base of all records: null is the same as a missing key, unknown keys are left out."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        return _without_nulls(value)


class Device(Record):
    """The machine part that computed."""

    type: str | None = None
    name: str | None = None
    memory_bytes: int | None = None
    threads: int | None = None


class SettingChange(Record):
    """A setting's value in the base config and in this run."""

    base: Any = None
    value: Any = None


class SplitData(Record):
    """Where a split's dialogues came from; `dropped` counts rows by reason."""

    source: str | None = None
    rows: int | None = None
    examples: int | None = None
    encoding: str | None = None
    dropped: Known[int] | None = None


class Truncation(Record):
    """How many prompts of a split were shortened, by how much, and how many summaries exceed the generation limit."""

    examples: int | None = None
    prompts_cut: int | None = None
    turns_cut: int | None = None
    tokens_cut: int | None = None
    long_summaries: int | None = None


class Lengths(Record):
    """Lengths of a split's examples in tokens; `histogram` holds (upper bound, count), in order, empty bins too."""

    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    max: float | None = None
    histogram: list[tuple[float, int]] = []


class Score(Record):
    """ROUGE F1 and chrF times 100 over `n` dialogues, and what ROUGE counts.

    Beside each score are its 95% interval over dialogues and what chance alone scores, with its interval; older runs
    lack them.
    """

    rouge1: float | None = None
    rouge1_low: float | None = None
    rouge1_high: float | None = None
    rouge1_floor: float | None = None
    rouge1_floor_low: float | None = None
    rouge1_floor_high: float | None = None
    rouge2: float | None = None
    rouge2_low: float | None = None
    rouge2_high: float | None = None
    rouge2_floor: float | None = None
    rouge2_floor_low: float | None = None
    rouge2_floor_high: float | None = None
    rougeL: float | None = None
    rougeL_low: float | None = None
    rougeL_high: float | None = None
    rougeL_floor: float | None = None
    rougeL_floor_low: float | None = None
    rougeL_floor_high: float | None = None
    rouge_sum: float | None = None
    rouge_sum_low: float | None = None
    rouge_sum_high: float | None = None
    rouge_sum_floor: float | None = None
    rouge_sum_floor_low: float | None = None
    rouge_sum_floor_high: float | None = None
    chrf: float | None = None
    chrf_low: float | None = None
    chrf_high: float | None = None
    chrf_floor: float | None = None
    chrf_floor_low: float | None = None
    chrf_floor_high: float | None = None
    tokenization: str | None = None
    stemmer: bool | None = None
    n: int | None = None


class Scores(Record):
    """Scores before and after training."""

    zero_shot: Score | None = None
    fine_tuned: Score | None = None


class TrainFigures(Record):
    """What the training took and reached."""

    loss: float | None = None
    eval_loss: float | None = None
    samples_per_second: float | None = None
    tokens_per_second: float | None = None
    peak_memory_bytes: int | None = None
    wall_seconds: float | None = None
    steps: int | None = None


class RunRecord(Record):
    """`run.json`."""

    yoyak: str | None = None
    name: str | None = None
    status: str | None = None
    command: str | None = None
    started: str | None = None
    ended: str | None = None
    seed: int | None = None
    commit: str | None = None
    device: Device = Device()
    versions: Known[str] = {}
    config: dict[str, Any] = {}
    settings_changed: Known[SettingChange] = {}
    resolved: Known[Any] = {}
    plan: Known[float] = {}
    data: Known[SplitData] = {}
    truncation: Known[Truncation] = {}
    lengths: Known[Lengths] = {}
    scores: Scores = Scores()
    train: TrainFigures = TrainFigures()
    trainable_parameters: int | None = None
    total_parameters: int | None = None


class Metric(Record):
    """A line of `metrics.jsonl`."""

    step: float | None = None
    epoch: float | None = None
    loss: float | None = None
    eval_loss: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None
    tokens_per_second: float | None = None


class Prediction(Record):
    """A line of `predictions.jsonl`."""

    fname: str | None = None
    topic: str | None = None
    dialogue: str = ""
    summary: str | None = None
    zero_shot: str | None = None
    fine_tuned: str | None = None


@dataclass(frozen=True)
class Run:
    """All that is known of a run; `unfinished_lines` names the files whose last line was cut off."""

    record: RunRecord
    metrics: list[Metric]
    predictions: list[Prediction]
    unfinished_lines: list[str]


def read_run(run_dir: Path) -> Run:
    """Return what the files in `run_dir` say.

    A last line that breaks off without its newline is left out where the run did not complete: it was being written.

    Raises:
        YoyakError: `run.json` is missing, or a file cannot be read, is not JSON or has a value of the wrong type.
    """
    path = run_dir / "run.json"
    if not path.is_file():
        raise YoyakError(f"{path}: no such file; a report needs the folder of a run, the one with run.json in it")
    record = _parse(RunRecord, _text(path), str(path))
    may_break_off = record.status in UNFINISHED
    metrics, metrics_cut = _read_lines(Metric, run_dir / "metrics.jsonl", may_break_off)
    predictions, predictions_cut = _read_lines(Prediction, run_dir / "predictions.jsonl", may_break_off)
    cut = [name for name, is_cut in (("metrics.jsonl", metrics_cut), ("predictions.jsonl", predictions_cut)) if is_cut]
    return Run(record, metrics, predictions, cut)


def over_steps(metrics: list[Metric], key: str) -> list[tuple[float, float]]:
    """Return (step, value) of the metric `key`, by step.

    A run that went on from a checkpoint logs some steps twice: the later line is the training that counted.
    """
    placed = ((line.step, getattr(line, key)) for line in metrics)
    latest = {step: value for step, value in placed if step is not None and value is not None}
    return sorted(latest.items())


R = TypeVar("R", bound=Record)


def _read_lines(kind: type[R], path: Path, may_break_off: bool) -> tuple[list[R], bool]:
    if not path.exists():
        return [], False
    records: list[R] = []
    lines = _text(path, errors="replace" if may_break_off else "strict").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            records.append(_parse(kind, line, f"{path}, line {number}"))
        except YoyakError:
            if may_break_off and number == len(lines):
                return records, True
            raise
    return records, False


def _text(path: Path, errors: str = "strict") -> str:
    try:
        return path.read_text(encoding="utf-8", errors=errors)
    except UnicodeDecodeError as error:
        raise YoyakError(f"{path}: not UTF-8 at byte {error.start}; let the run write the file again") from error
    except OSError as error:
        raise YoyakError(f"{path}: cannot be read: {error.strerror}") from error


def _parse(kind: type[R], text: str, where: str) -> R:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        at = f" at {key}" if key else ""
        raise YoyakError(f"{where}: broken{at}: {first['msg']}; mend the file or run again") from error
