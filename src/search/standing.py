"""How a search stands, read from its folder while it runs, in the words of `search.json`."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..bilingual import Text, halves
from ..evaluation.significance import bootstrap_interval
from .stored import UnreadableTrialsError, stored_trials
from .study import TrialRecord


def search_standing(storage: Path, scores_of: Callable[[int], Path]) -> dict[str, Any] | Text | None:
    """Return a record like that of `search.json` of a search that has not ended.

    None where there are no trials yet; where there are some that can't be read, a sentence that says why.

    Args:
        storage: the search's SQLite file.
        scores_of: returns the file with a finished trial's scores.
    """
    try:
        found = stored_trials(f"sqlite:///{storage.absolute()}") if storage.is_file() else None
    except UnreadableTrialsError as error:
        return Text(f"{storage.name} can't be read: {error}", f"{storage.name}를 읽을 수 없습니다: {error}")
    if found is None:
        return None
    name, settings, trials = found
    try:
        lines = [_line(trial, scores_of(trial.number)) for trial in trials]
    except TypeError:  # another version kept other things of its trials
        return Text(
            f"{storage.name} holds trials of another version of yoyak.",
            f"{storage.name}에 다른 yoyak 버전의 시도가 들어 있습니다.",
        )
    pauses = [float(share) for share in settings.get("search.pauses") or []]
    summarized = {place for trial in trials for place, value in trial.measured.items() if value >= 0}  # a loss is less
    return {
        "name": name,
        "status": "running",
        "objective": settings.get("search.objective", "rouge_sum"),
        "tokenization": settings.get("evaluation.tokenization"),
        "stemmer": settings.get("evaluation.stemmer"),
        "pauses": pauses,
        "pauses_by_summaries": [place in summarized for place in range(len(pauses))],
        "trials": lines,
    }


def _line(trial: TrialRecord, scores: Path) -> dict[str, Any]:
    line: dict[str, Any] = {"number": trial.number, "settings": dict(trial.settings), "state": trial.state}
    line |= {"measured": {str(pause): value for pause, value in trial.measured.items()}, "score": trial.value}
    line |= {"seconds": round(trial.spent.seconds, 2), "steps": trial.spent.steps, **halves("reason", trial.reason)}
    line |= {"ended_after": trial.attributes.get("ended_after"), "low": trial.value, "high": trial.value}
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        line["low"], line["high"] = bootstrap_interval(json.loads(scores.read_text(encoding="utf-8"))["scores"])
    return line
