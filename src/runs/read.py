"""What a run wrote about itself: `run.json`, `metrics.jsonl` and `predictions.jsonl`, read and checked."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from ..errors import YoyakError
from .json_lines import Metric, Prediction
from .run_part import RunPart
from .schema import RECORD_FILE, UNFINISHED, RunRecord


def find_run(name: str, option: str = "") -> Path:
    """Return the folder of a run that is named by its folder or by its name under `outputs/`.

    Raises:
        YoyakError: there is none; `option` is what the name was given to.
    """
    places = (Path(name), Path("outputs") / name)
    folder = next((path for path in places if (path / RECORD_FILE).is_file()), None)
    if folder is None:
        raise YoyakError(f"{option}{name}: no such run: no {RECORD_FILE} in {places[0]} or {places[1]}")
    return folder


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
    path = run_dir / RECORD_FILE
    if not path.is_file():
        raise YoyakError(f"{path}: no such file; a report needs the folder of a run, the one with {RECORD_FILE} in it")
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


R = TypeVar("R", bound=RunPart)


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
