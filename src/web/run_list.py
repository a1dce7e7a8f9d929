"""Runs as a list shows them: state, scores, a thumbnail of the loss; read anew only where a record has changed."""

import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from ..bilingual import Text
from ..reports.wording import STATUSES
from ..runs.holder import lock_holder
from ..runs.record import read_record
from ..runs.schema import RECORD_FILE, RunRecord
from .curves import sampled_losses
from .paging import page_there
from .place import Place

RUNS_A_PAGE = 50
_CACHED_RUNS = 2000
LOST = "lost"
"""A run whose record says `running` and on which no process works: it was killed."""
STATES = {
    **STATUSES,
    LOST: Text("stopped without a word", "비정상 종료"),
    "unknown": Text("unknown", "알 수 없음"),
}
RESUMABLE = ("interrupted", "failed", LOST)
"""States from which a run can go on."""
_WIDTH, _HEIGHT = 120, 28


@dataclass(frozen=True)
class RunLine:
    """A run in a list; `before` and `after` are ROUGE sums."""

    name: str
    state: str
    model: str
    started: str
    seconds: float | None
    before: float | None
    after: float | None
    loss: float | None
    spark: str
    """The points of an SVG polyline in a box of 120 by 28; empty where there are none."""

    @property
    def state_words(self) -> Text:
        """Return the state in words."""
        return STATES[self.state]


def state_of(folder: Path, record: RunRecord) -> str:
    """Return `completed`, `running`, `interrupted`, `failed`, `lost` or `unknown`."""
    if lock_holder(folder) is not None:
        return "running"
    if record.status == "running":
        return LOST
    return record.status if record.status in STATUSES else "unknown"


_lines: OrderedDict[tuple[Path, int, int], RunLine] = OrderedDict()


def run_lines(place: Place, page: int = 0) -> tuple[list[RunLine], int]:
    """Return a page of all runs (see `page_there`), the newest first, and how many runs there are."""
    names = place.run_names()
    first = page_there(page, len(names), RUNS_A_PAGE) * RUNS_A_PAGE
    lines = (run_line(place.runs / name) for name in names[first : first + RUNS_A_PAGE])
    return [line for line in lines if line is not None], len(names)


def run_line(folder: Path) -> RunLine | None:
    """Return a run's line; None where its folder vanishes just now."""
    try:
        found = os.stat(folder / RECORD_FILE)
    except OSError:
        return None
    key = (folder, found.st_mtime_ns, found.st_size)
    works = lock_holder(folder) is not None
    if works or key not in _lines:
        line = _line_of(folder, read_record(folder) or RunRecord())
        if works or line.state == "running":
            return line
        _lines[key] = line
        while len(_lines) > _CACHED_RUNS:
            _lines.popitem(last=False)
    return _lines[key]


def _line_of(folder: Path, record: RunRecord) -> RunLine:
    scores, model = record.scores, record.config.get("model")
    return RunLine(
        name=folder.name,
        state=state_of(folder, record),
        model=str(model.get("checkpoint") or "") if isinstance(model, dict) else "",
        started=record.started or "",
        seconds=record.train.wall_seconds,
        before=scores.zero_shot.rouge_sum if scores.zero_shot else None,
        after=scores.fine_tuned.rouge_sum if scores.fine_tuned else None,
        loss=record.train.eval_loss,
        spark=spark_of(sampled_losses(folder / "metrics.jsonl")),
    )


def spark_of(points: list[tuple[float, float]]) -> str:
    """Return a curve as the points of a polyline in a box of 120 by 28, with a margin of 2."""
    if len(points) < 2:
        return ""
    (first, _), (last, _) = points[0], points[-1]
    values = [value for _, value in points]
    low, high = min(values), max(values)

    def placed(step: float, value: float) -> str:
        x = 2 + (_WIDTH - 4) * (step - first) / ((last - first) or 1)
        y = 2 + (_HEIGHT - 4) * ((high - value) / (high - low) if high > low else 0.5)
        return f"{x:.1f},{y:.1f}"

    return " ".join(placed(*point) for point in points)
