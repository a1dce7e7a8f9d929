"""Several runs beside each other: what differs in their settings, their scores, and their summaries."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..bilingual import Text, joined
from ..config.effects import WITHOUT_EFFECT
from ..errors import YoyakError
from ..evaluation.result import EvaluationResult, score_report
from ..evaluation.tokenizations import TOKENIZATIONS, Tokenization, analyser_of
from ..runs.json_lines import Prediction
from ..runs.read import Run, read_run
from .dialogue_scores import counted_by
from .score_table import trained_on_note
from .wording import STATUSES

COSTS = ("wall_seconds", "peak_memory_bytes", "tokens_per_second", "samples_per_second", "steps")
ABSENT = "\N{EN DASH}"
"""Stands for a setting that a run, of another version, does not have."""


@dataclass(frozen=True)
class ComparedRun:
    """A run under the name that it has among the others, with its scored summaries."""

    name: str
    folder: Path
    run: Run
    rows: list[Prediction]
    result: EvaluationResult
    """Against the first run, where both summarized the same dialogues; the first run has no baseline."""

    def sentence(self) -> Text | None:
        """Return by how much the run differs from the first one."""
        return self.result.baseline.sentence() if self.result.baseline else None


@dataclass(frozen=True)
class ComparedDialogue:
    """A dialogue and what each run made of it; `change` is the largest difference to the first run's ROUGE sum."""

    rows: list[Prediction]
    rouge_sums: list[float]

    @property
    def change(self) -> float:
        """The difference from the first run that is largest in size."""
        return max((value - self.rouge_sums[0] for value in self.rouge_sums[1:]), key=abs)


@dataclass(frozen=True)
class RunComparison:
    """What `yoyak compare` found; `examples` holds the dialogues of all runs, the largest change first."""

    runs: list[ComparedRun]
    tokenization: Tokenization
    stemmer: bool
    settings: list[tuple[str, list[Any]]]
    """Settings that differ and have a part in weights or summaries, and their values in each run, or `ABSENT`."""
    examples: list[ComparedDialogue]
    notes: list[Text]
    """Why some figures cannot be compared."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        names = [run.name for run in self.runs]
        return {
            "tokenization": self.tokenization,
            "analyser": analyser_of(self.tokenization),
            "stemmer": self.stemmer,
            "runs": [_run_figures(run) for run in self.runs],
            "settings": {
                name: {run: value for run, value in zip(names, values, strict=True) if value != ABSENT}
                for name, values in self.settings
            },
            "examples": [
                {
                    "fname": example.rows[0].fname,
                    "rouge_sum": dict(zip(names, example.rouge_sums, strict=True)),
                    "change": example.change,
                }
                for example in self.examples
            ],
            "notes": self.notes,
        }


def compare_runs(folders: Sequence[Path], tokenization: str | None = None) -> RunComparison:
    """Score the fine-tuned summaries of two or more runs alike, and compare each run with the first.

    `tokenization` is what ROUGE counts; None takes the first run's.

    Raises:
        YoyakError: Fewer than two runs, one named twice, or one without summaries; or as in `read_run`.
    """
    if len(folders) < 2:
        raise YoyakError("compare needs two runs or more; name them one after another: yoyak compare RUN RUN")
    twice = [folder for folder, number in Counter(folder.resolve() for folder in folders).items() if number > 1]
    if twice:
        raise YoyakError(f"{twice[0]}: named twice; compare a run with others")
    runs = [read_run(folder) for folder in folders]
    rows = [_scored_rows(run, folder) for run, folder in zip(runs, folders, strict=True)]
    ways = [counted_by(run.record.scores.fine_tuned) for run in runs]
    counted = ways[0][0] if tokenization is None else _known(tokenization)
    stemmer = ways[0][1]
    keys = [[_key(row) for row in its] for its in rows]
    same = [Counter(its) == Counter(keys[0]) for its in keys]
    rows = [_in_order(its, rows[0]) if is_same else its for its, is_same in zip(rows, same, strict=True)]
    names = _names(runs, folders)
    compared = [
        ComparedRun(name, folder, run, its, _score(its, rows[0] if number and is_same else None, counted, stemmer))
        for number, (name, folder, run, its, is_same) in enumerate(zip(names, folders, runs, rows, same, strict=True))
    ]
    return RunComparison(
        runs=compared,
        tokenization=counted,
        stemmer=stemmer,
        settings=_differing(runs),
        examples=_examples(compared, rows) if all(same) else [],
        notes=_notes(compared, keys, same, ways, (counted, stemmer)),
    )


def _known(tokenization: str) -> Tokenization:
    for known in TOKENIZATIONS:
        if tokenization == known:
            return known
    raise YoyakError(f"--tokenization '{tokenization}' is unknown; choose {', '.join(TOKENIZATIONS)}")


def _scored_rows(run: Run, folder: Path) -> list[Prediction]:
    rows = [row for row in run.predictions if row.fine_tuned is not None and row.summary is not None]
    if not rows:
        status = f" ({run.record.status})" if run.record.status else ""
        raise YoyakError(
            f"{folder / 'predictions.jsonl'}: the run{status} has no fine-tuned summaries to compare; "
            "train it with evaluation.generate=true"
        )
    return rows


def _key(row: Prediction) -> tuple[str, str, str]:
    return row.fname or "", row.dialogue, row.summary or ""


def _in_order(rows: Sequence[Prediction], like: Sequence[Prediction]) -> list[Prediction]:
    """Return rows in the order of those of another run on the same dialogues."""
    places: dict[tuple[str, str, str], list[Prediction]] = {}
    for row in reversed(rows):
        places.setdefault(_key(row), []).append(row)
    return [places[_key(row)].pop() for row in like]


def _score(
    rows: Sequence[Prediction], baseline: Sequence[Prediction] | None, tokenization: Tokenization, stemmer: bool
) -> EvaluationResult:
    return score_report(
        [row.fname or "" for row in rows],
        [row.fine_tuned or "" for row in rows],
        [row.summary or "" for row in rows],
        tokenization,
        stemmer,
        baseline=None if baseline is None else [row.fine_tuned or "" for row in baseline],
        dialogues=[row.dialogue for row in rows],
        facts=False,
    )


def _names(runs: Sequence[Run], folders: Sequence[Path]) -> list[str]:
    """Return the runs' names; their folders where two have the same."""
    names = [run.record.name or folder.name for run, folder in zip(runs, folders, strict=True)]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def _differing(runs: Sequence[Run]) -> list[tuple[str, list[Any]]]:
    flat = [dict(_leaves(run.record.config)) for run in runs]
    unused = WITHOUT_EFFECT if any(run.record.refine for run in runs) else (*WITHOUT_EFFECT, "refine.")
    names = dict.fromkeys(name for settings in flat for name in settings if not name.startswith(unused))
    rows = [(name, [settings.get(name, ABSENT) for settings in flat]) for name in names]
    return [(name, values) for name, values in rows if any(value != values[0] for value in values[1:])]


def _leaves(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _examples(runs: Sequence[ComparedRun], rows: Sequence[Sequence[Prediction]]) -> list[ComparedDialogue]:
    sums = [run.result.per_dialogue["rouge_sum"] for run in runs]
    found = [
        ComparedDialogue(list(its), list(values))
        for its, values in zip(zip(*rows, strict=True), zip(*sums, strict=True), strict=True)
    ]
    return sorted(found, key=lambda example: -abs(example.change))


def _notes(
    runs: Sequence[ComparedRun],
    keys: Sequence[Sequence[tuple[str, str, str]]],
    same: Sequence[bool],
    ways: Sequence[tuple[Tokenization, bool]],
    used: tuple[Tokenization, bool],
) -> list[Text]:
    first = runs[0]
    notes = [
        _other_dialogues(run.name, first.name, (len(its), len(keys[0]), (Counter(its) & Counter(keys[0])).total()))
        for run, its, is_same in zip(runs, keys, same, strict=True)
        if not is_same
    ]
    others = joined(run.name for run, way in zip(runs, ways, strict=True) if way != used)
    if others:
        english = f"Scored alike here, so not as in the run's own report: {others}."
        notes.append(Text(english, f"여기서는 같은 기준으로 채점하여 실행의 보고서와 다릅니다: {others}."))
    notes += [_other_version(run, used[0]) for run, way in zip(runs, ways, strict=True) if _is_other(run, way, used)]
    notes += [joined([run.name, known], ": ") for run in runs if (known := trained_on_note(run.run.record))]
    statuses = [(run.name, str(run.run.record.status)) for run in runs]
    said = {name: STATUSES.get(status, status) for name, status in statuses if status != "completed"}
    unfinished = joined(joined([name, " (", status, ")"], "") for name, status in said.items())
    if unfinished:
        notes.append(Text(f"Not completed: {unfinished}.", f"완료되지 않은 실행: {unfinished.ko}."))
    return notes + [joined([run.name, warning], ": ") for run in runs for warning in run.result.warnings]


def _is_other(run: ComparedRun, way: tuple[Tokenization, bool], used: tuple[Tokenization, bool]) -> bool:
    """Return whether a run's own scores count the same, cut by another version of what cuts here."""
    score = run.run.record.scores.fine_tuned
    return score is not None and way == used and score.analyser != analyser_of(used[0])


def _other_version(run: ComparedRun, tokenization: Tokenization) -> Text:
    score, here = run.run.record.scores.fine_tuned, analyser_of(tokenization)
    own = score.analyser if score else None
    return Text(
        f"{run.name}: scored here with {here}, in the run's own report with {own or 'a version that is not recorded'}.",
        f"{run.name}: 여기서는 {here}, 실행의 보고서에서는 {own or '기록되지 않은 버전'} 기준으로 채점했습니다.",
    )


def _other_dialogues(run: str, first: str, counts: tuple[int, int, int]) -> Text:
    own, firsts, common = counts
    return Text(
        f"{run} summarized other dialogues than {first} ({own} against {firsts}, {common} in common): no paired test, "
        "and the scores compare only roughly.",
        f"{run}: {first} 실행과 다른 대화를 요약했습니다({own}개와 {firsts}개, 공통 {common}개). "
        "짝지은 검정이 없고, 점수는 대략으로만 비교할 수 있습니다.",
    )


def _run_figures(run: ComparedRun) -> dict[str, Any]:
    found, train = run.result.as_dict(), run.run.record.train
    return {
        "name": run.name,
        "folder": str(run.folder),
        "status": run.run.record.status,
        "n": run.result.n,
        "scores": found["scores"],
        "floor": found["floor"],
        "lead3": found["lead3"],
        "against_first": found["baseline"] and {key: found["baseline"][key] for key in ("sentence", "differences")},
        "cost": {name: getattr(train, name) for name in COSTS},
        "eval_loss": train.eval_loss,
    }
