"""The top of a run's page: what was run, its key figures and its scores. Empty where there is nothing to show."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from ..runs.read import Run, over_steps
from ..runs.schema import Resumption, RunDevice, RunRecord, StageScores, TrainFigures
from .markup import Html, code, facts, join, table, tag
from .wording import change, count, decimal, duration, gibibytes, millions, moment, rate, short

T = TypeVar("T")
STATUS = {
    "completed": "completed",
    "running": "still running: this page shows what was written so far",
    "interrupted": "interrupted: this page shows what was written until then",
    "failed": "failed: this page shows what was written until then",
}
MISSING = "\N{EN DASH}"
SCORE_ROWS = (
    ("ROUGE-1", "rouge1"),
    ("ROUGE-2", "rouge2"),
    ("ROUGE-L", "rougeL"),
    ("Sum", "rouge_sum"),
    ("chrF", "chrf"),
)


def heading(record: RunRecord) -> Html:
    """Return the page's header: name, status, and where, when and how the run was made."""
    known = record.status if record.status in STATUS else None
    words = STATUS[known] if known else record.status or "status not recorded"
    return tag(
        "header",
        tag("p", "yoyak training run", class_="kind"),
        tag("h1", record.name or "Unnamed run"),
        tag("p", words, class_=f"status {known or 'unknown'}"),
        facts(
            [
                ("Model", code(_checkpoint(record.config))),
                ("Device", _device(record.device)),
                ("Started", _time(record.started)),
                ("Went on", _resumed(record.resumed)),
                ("Ended", _time(record.ended)),
                ("Error", tag("span", record.error, translate="no") if record.error else None),
                ("Seed", None if record.seed is None else str(record.seed)),
                ("Commit", code(record.commit)),
                ("Command", code(record.command)),
            ]
        ),
    )


def tiles(run: Run) -> Html:
    """Return the key figures."""
    record, train = run.record, run.record.train
    shown = [
        _rouge_tile(record),
        _loss_tile(run),
        _tile(
            "Speed",
            _if_known(train.tokens_per_second, lambda value: join(rate(value), tag("small", " tokens/s"))),
            _if_known(train.samples_per_second, lambda value: f"{rate(value)} examples/s"),
        ),
        _tile(
            "Peak memory",
            _if_known(train.peak_memory_bytes, gibibytes),
            _if_known(record.device.memory_bytes, lambda value: f"of {gibibytes(value)}"),
        ),
        _tile(
            "Wall time",
            _if_known(train.wall_seconds, duration),
            _time_note(train),
        ),
        _tile("Trained parameters", _if_known(record.trainable_parameters, millions), _share(record)),
    ]
    return tag("dl", *shown, class_="tiles") if any(shown) else Html("")


def scores(record: RunRecord) -> Html:
    """Return the scores before and after training with their intervals, and what chance alone scores."""
    before, after = record.scores.zero_shot, record.scores.fine_tuned
    scored = [(name, score) for name, score in (("Before", before), ("After", after)) if score]
    if not scored:
        return Html("")
    alike = before is not None and after is not None and _basis(before) == _basis(after)
    last = scored[-1][1]
    has_floor = last.rouge_sum_floor is not None
    rows = []
    for name, key in SCORE_ROWS:
        values: list[float | None] = [getattr(score, key) for _, score in scored]
        if key == "chrf" and not any(value is not None for value in values):
            continue
        cells = [name, *(_with_interval(score, key) for _, score in scored), *([_change(*values)] if alike else [])]
        rows.append([*cells, *([_with_interval(last, f"{key}_floor")] if has_floor else [])])
    columns = ["F1 \N{MULTIPLICATION SIGN} 100", *(name for name, _ in scored), *(["Change"] if alike else [])]
    columns += ["By chance"] if has_floor else []
    caption = f"ROUGE {' and '.join(name.lower() for name, _ in scored)} training"
    notes = [_bases(scored, alike), *_interval_notes(last, scored[-1][0])]
    shown = table(caption, columns, rows, "numbers scores")
    return join(shown, *(tag("p", note, class_="note") for note in notes))


def _with_interval(score: StageScores, key: str) -> Html:
    value, low, high = (getattr(score, name) for name in (key, f"{key}_low", f"{key}_high"))
    if value is None:
        return Html(MISSING)
    interval = tag("small", f"{decimal(low, 1)} to {decimal(high, 1)}") if None not in (low, high) else None
    return join(decimal(value, 2), interval)


def _interval_notes(score: StageScores, stage: str) -> list[str]:
    notes = []
    if score.rouge_sum_low is not None:
        notes.append("Below each score: its 95% interval over dialogues.")
    if score.rouge_sum_floor is not None:
        notes.append(
            f"By chance: what the summaries {stage.lower()} training score against other dialogues' references."
        )
        low = [name for name, key in SCORE_ROWS if _within_chance(score, key)]
        if low:
            notes.append(f"No better than chance can explain: {', '.join(low)}.")
    return notes


def _within_chance(score: StageScores, key: str) -> bool:
    """Return whether a score lies inside its chance floor's interval, or below, as `yoyak evaluate` says it.

    In runs that lack the floor's interval: whether the floor lies inside the score's, or above.
    """
    value, low = getattr(score, key), getattr(score, f"{key}_low")
    floor, high = getattr(score, f"{key}_floor"), getattr(score, f"{key}_floor_high")
    if high is not None and value is not None:
        return bool(value <= high)
    return low is not None and floor is not None and low <= floor


def _bases(scored: list[tuple[str, StageScores]], alike: bool) -> str:
    if alike or len(scored) == 1:
        return f"Scored with {_basis(scored[0][1])}."
    each = " ".join(f"{name} training: {_basis(score)}." for name, score in scored)
    return f"{each} The two were not scored alike, so no change is given."


def _basis(score: StageScores) -> str:
    """Return what a score counted and on how many dialogues; two scores compare only where these are equal."""
    parts = [
        f"{score.tokenization} tokenization" if score.tokenization else "tokenization not recorded",
        None if score.stemmer is None else "Porter stemmer" if score.stemmer else "no stemmer",
        "n not recorded" if score.n is None else f"n = {count(score.n, 'dialogue')}",
    ]
    return ", ".join(part for part in parts if part)


def _change(before: float | None, after: float | None) -> str:
    return MISSING if before is None or after is None else change(before, after, 2)


def _rouge_tile(record: RunRecord) -> Html:
    before, after = record.scores.zero_shot, record.scores.fine_tuned
    last = after or before
    if last is None or last.rouge_sum is None:
        return Html("")
    figure, basis = tag("span", decimal(last.rouge_sum, 2), class_="result"), _basis(last)
    if before is None or after is None or before.rouge_sum is None or _basis(before) != basis:
        name = f"ROUGE sum {'after' if after else 'before'} training"
        return _tile(name, figure, basis, "lead")
    earlier = tag("span", decimal(before.rouge_sum, 2), " → ", class_="before")
    note = f"{_change(before.rouge_sum, last.rouge_sum)}; {basis}"
    return _tile("ROUGE sum, before → after training", join(earlier, figure), note, "lead")


def _loss_tile(run: Run) -> Html:
    train = run.record.train
    if train.eval_loss is not None:
        notes = [
            _if_known(train.loss, lambda value: f"training {decimal(value, 3)}"),
            _if_known(train.eval_rouge_sum, lambda value: f"ROUGE sum {decimal(value, 2)}"),
        ]
        return _tile("Evaluation loss", decimal(train.eval_loss, 3), _spans(filter(None, notes)))
    if train.loss is not None:
        return _tile("Training loss", decimal(train.loss, 3), None)
    logged = over_steps(run.metrics, "loss")
    if not logged:
        return Html("")
    step, last = logged[-1]
    return _tile("Training loss", decimal(last, 3), f"last logged, step {short(step)}")


def _if_known(value: T | None, write: Callable[[T], str]) -> str | None:
    return None if value is None else write(value)


def _tile(name: str, figure: str | None, note: str | None, class_: str | None = None) -> Html:
    if figure is None:
        return Html("")
    small = tag("dd", note, class_="note") if note else None
    return tag("div", tag("dt", name), tag("dd", figure, class_="figure"), small, class_=class_)


def _share(record: RunRecord) -> str | None:
    trained, total = record.trainable_parameters, record.total_parameters
    return f"of {millions(total)}, {100 * trained / total:.2f}%" if trained is not None and total else None


def _checkpoint(config: dict[str, Any]) -> str | None:
    model = config.get("model")
    checkpoint = model.get("checkpoint") if isinstance(model, dict) else None
    return str(checkpoint) if checkpoint else None


def _device(device: RunDevice) -> str | None:
    parts = [
        device.name,
        device.type if device.type != device.name else None,
        count(device.threads, "thread") if device.threads else None,
        gibibytes(device.memory_bytes) if device.memory_bytes else None,
    ]
    return ", ".join(part for part in parts if part)


def _resumed(times: Sequence[Resumption]) -> Html | None:
    """Return at which step a run went on each time, and when."""
    return _spans(f"step {time.step or 0:,}" + (f", {moment(time.at)}" if time.at else "") for time in times)


def _time_note(train: TrainFigures) -> Html | None:
    notes = [
        _if_known(train.steps, lambda value: count(value, "optimizer step")),
        _if_known(train.saving_seconds, lambda value: f"{duration(value)} for checkpoints"),
    ]
    return _spans(filter(None, notes))


def _spans(texts: Iterable[str]) -> Html | None:
    """Return texts one after another, each of which is translated for itself."""
    spans = [tag("span", text) for text in texts]
    return join(spans[0], *(join("; ", span) for span in spans[1:])) if spans else None


def _time(text: str | None) -> Html | None:
    return tag("time", moment(text), datetime=text) if text else None
