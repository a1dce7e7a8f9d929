"""Trials that workers of other folders have ended: their weights lie there, and so does the choice among them."""

from typing import Any

from ...bilingual import count
from .context import Search


def other_folders(search: Search) -> list[dict[str, Any]]:
    """Return of each other folder how many trials have ended there, and the best of them, the best folder first."""
    found: dict[str, dict[str, Any]] = {}
    for trial in search.study.trials():
        if trial.elsewhere is not None and trial.value is not None:
            line = found.setdefault(trial.elsewhere, {"place": trial.elsewhere, "trials": 0, "score": trial.value - 1})
            line["trials"] += 1
            if trial.value > line["score"]:
                line |= {"best": trial.number, "score": trial.value}
    return sorted(found.values(), key=lambda line: -line["score"])


def say_others(search: Search, others: list[dict[str, Any]]) -> None:
    """Print where else trials have ended, and the best of them."""
    objective = search.config.search.objective
    for line in others:
        best = f"trial {line['best']}: {objective} {line['score']:.2f}"
        where = f"{count(line['trials'], 'trial')} ended in {line['place']}, where their weights are"
        search.console.print(f"Others:  {where}; the best is {best}")
