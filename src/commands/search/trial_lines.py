"""What a search says of each part of a trial."""

from ...config.provenance import value_text
from ...planner.advice import hours
from ...search.study import TrialRecord
from .context import Search
from .trial import Stage, pause_dialogues


def say_begin(search: Search, trial: TrialRecord, foreseen: float) -> None:
    """Say what a trial tries, and how long it will take."""
    settings = ", ".join(f"{name} {_short(value)}" for name, value in trial.settings.items())
    what = "the config as it is" if trial.number == 0 else settings
    goes_on = " goes on" if trial.measured else ""
    need, have = hours(foreseen), hours(max(search.clock.left, 0))
    said = f"Trial {trial.number}{goes_on}: {what} (about {need}, {have} left)"
    search.console.print(said)


def say_end(search: Search, stage: Stage) -> None:
    """Say what a part of a trial came to."""
    took, objective = hours(stage.spent.seconds), search.config.search.objective
    if stage.scores is not None:
        said = f"  ended after {took}: {objective} {sum(stage.scores.scores) / len(stage.scores.scores):.2f}"
    elif stage.measured:
        pause = max(stage.measured)
        value, few = stage.measured[pause], pause_dialogues(search.settings, len(search.data.dev))
        by_summaries = few and pause == len(search.settings.pauses) - 1
        found = f"{objective} {value:.2f}" if by_summaries else f"evaluation loss {-value:.4f}"
        said = f"  paused after {took}: {found}"
    else:
        said = f"  paused after {took}, not measured"
    search.console.print(said)


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else value_text(value)
