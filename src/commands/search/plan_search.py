"""`yoyak plan --search`: how many trials fit into some hours, before any of them runs."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ...bilingual import count
from ...config.effects import without_effect_in_search
from ...config.schema import Config
from ...config.unread import refuse_no_summaries
from ...errors import YoyakError
from ...planner.advice import hours
from ...planner.plan import Situation
from ..console import print_json, print_text
from ..speech import said

if TYPE_CHECKING:
    from ...search.foresee import Foreseen


def need_optuna() -> None:
    """Raise YoyakError where Optuna is not installed."""
    if find_spec("optuna") is None:
        raise YoyakError("yoyak search needs Optuna, which is not installed; pip install 'yoyak[search]'")


def show_search_plan(situation: Situation, sources: Mapping[str, str], deadline: str, as_json: bool) -> None:
    """Print what a search of a situation would come to.

    Raises:
        YoyakError: Optuna is not installed, no such time, ranges that settings refuse, or evaluation data that a
            search refuses.
    """
    from ...search.held import never_tried

    seconds, found = foreseen_search(situation, sources, deadline, "--search")
    if as_json:
        print_json({"deadline_seconds": seconds} | found.as_json() | {"not_tried": never_tried(situation.config)})
        return
    for line in foreseen_lines(situation, seconds, found):
        print_text(said(line))


def foreseen_search(
    situation: Situation, sources: Mapping[str, str], deadline: str, option: str
) -> "tuple[float, Foreseen]":
    """Return the seconds until a deadline, which an option gave, and what a search would come to by then.

    Raises:
        YoyakError: Optuna is not installed, no such time, ranges that settings refuse, or evaluation data that a
            search refuses.
    """
    need_optuna()
    refuse_no_summaries(situation.config, sources)
    from ...search.clock import read_duration
    from ...search.costs import Machine
    from ...search.foresee import foresee
    from ...search.space import search_space

    seconds, source = read_duration(deadline, option), sources["search.space"]
    config = situation.config
    space = search_space(config, "search.space" if source == "default" else source)
    dialogues = _dialogues(situation)
    assert situation.evaluation is not None  # only `yoyak plan` leaves it out, with no data at all
    machine = Machine(situation.shape, situation.train, situation.evaluation, situation.device, flash=situation.flash)
    return seconds, foresee(config, machine, space, seconds, dialogues)


def _dialogues(situation: Situation) -> tuple[int, int] | None:
    """Return how many dialogues a search would choose on and report on; None where the evaluation data is not here.

    Raises:
        YoyakError: it is, and a search would refuse it.
    """
    from ...search.objective import refuse_objective
    from .set_aside import read_search_data

    config, evaluation = situation.config, situation.evaluation
    if evaluation is None or not evaluation.source.startswith(f"{config.data.eval}, "):  # lengths by hand, or shipped
        return None
    data = read_search_data(config, config.experiment.run_dir, lambda _: None)
    refuse_objective(config, [row.summary for row in data.dev])
    return len(data.dev), len(data.test)


def foreseen_lines(situation: Situation, seconds: float, found: "Foreseen") -> list[str]:
    """Return what a search would come to, in sentences."""
    name, device = situation.config.model.checkpoint, situation.device.name
    if not found.trials:
        return [f"{hours(seconds)} allow no trial of {name} on {device}; the least is {hours(found.least_seconds)}"]
    first, drawn, end = map(hours, (found.first_seconds, found.drawn_seconds, found.end_seconds))
    lines = [
        f"About {count(found.trials, 'trial')} of {name} in {hours(seconds)} on {device}, {found.to_the_end} of them "
        "to the end",
        f"The config as it is takes {first}, a drawn trial {drawn} to its end, the score at the end {end}",
    ]
    if found.held_seconds:
        lines.append(f"{hours(found.held_seconds)} of it are kept for what is added to the winner")
    if found.refused_share:
        lines.append(f"{found.refused_share:.0%} of what is drawn would not fit into memory")
    return lines + untried_lines(situation.config)


def untried_lines(config: Config) -> list[str]:
    """Return in sentences which settings change nothing, and which additions the others leave nothing to try of."""
    from ...search.held import never_tried

    untried = [f"Untried: {kind}: {why}" for kind, why in never_tried(config).items()]
    return [*without_effect_in_search(config), *untried]
