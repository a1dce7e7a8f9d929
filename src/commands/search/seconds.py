"""The seconds that parts of a search take: trials from where they are, its end, and what is added to the winner."""

from ...config.loader import changed_config
from ...config.search import SearchSettings
from ...errors import YoyakError
from ...search.costs import Spent, Units
from ...search.held import SLACK, AdditionCosts
from ...search.pace import Pace, pace_of
from ...search.study import TrialRecord
from .context import Search
from .trial import pause_dialogues, pause_steps

REPORT_SECONDS = "report_seconds"
"""In trial 0's record: how long its page took."""
_END_SECONDS = 1.0  # for the search's own page and the process's end


def pace(search: Search) -> Pace:
    """Return the pace of this search's trials, from their parts in the order in which they ended.

    Those in other folders ran on other machines: they are a guess until a part has ended here.
    """
    trials = [trial for trial in search.study.trials() if trial.attributes.get("stages")]
    parts = []
    for trial in [one for one in trials if one.elsewhere is None] or trials:
        if (units := trial.units) is not None:
            parts += [(one["ended_after"], units, Spent(**one["spent"])) for one in trial.attributes.get("stages", [])]
    return pace_of([(units, spent) for _, units, spent in sorted(parts, key=lambda part: part[0])])


def stage_seconds(
    search: Search, speed: Pace, units: Units, trial: TrialRecord | None = None, until: int | None = None
) -> float:
    """Return the seconds of a trial from where it is to a pause, through all where `until` is their number, or (None)
    without one to its end.
    """
    steps = pause_steps(search.settings.pauses, units.steps)
    at, done = (trial.standing.pause, trial.spent.steps) if trial is not None else (-1, 0)
    dev = len(search.data.dev)
    few = pause_dialogues(search.settings, dev)
    passed = range(at + 1, len(steps) if until is None or until >= len(steps) else until + 1)
    at_pauses = few if few and len(steps) - 1 in passed else 0
    losses = len(passed) - bool(at_pauses)
    if until is not None and until < len(steps):
        return speed.seconds(units, at_pauses, losses, 1, done, steps[until])
    begins = 1 if until is None else max(len(steps) - at, 1)
    return speed.seconds(units, dev + at_pauses, losses, begins, done)


def whole_seconds(search: Search, units: Units, trial: TrialRecord | None = None, pauses: bool = True) -> float:
    """Return the seconds of a trial to its end, from where it is, and what it lets the search's end take longer should
    it win, with slack.
    """
    until = len(search.settings.pauses) if pauses else None
    speed = pace(search)
    return SLACK * (stage_seconds(search, speed, units, trial, until) + _longer_end(search, speed, units))


def summaries_seconds(search: Search, dialogues: int) -> float:
    """Return the seconds of loading a model and summarizing some dialogues with it."""
    speed = pace(search)
    return speed.begin + dialogues * speed.summary(search.units)


def page_seconds(search: Search) -> float:
    """Return the seconds of a run's page, with slack; 0 before the first."""
    trials = search.study.trials()
    return SLACK * float(trials[0].attributes.get(REPORT_SECONDS, 0.0)) if trials else 0.0


def end_seconds(search: Search) -> float:
    """Return the seconds that the end of the search takes: scores of the winner and the config as it is, and pages.

    The winner may be the trial whose summaries take longest.
    """
    speed = pace(search)
    summaries = _test_seconds(search, speed, search.units) + _slowest_test_seconds(search, speed)
    return _END_SECONDS + page_seconds(search) + 2 * speed.begin + summaries


def _test_seconds(search: Search, speed: Pace, units: Units) -> float:
    """Return the seconds of the set-aside dialogues' summaries by a model that is loaded."""
    return len(search.data.test) * speed.summary(units)


def _slowest_test_seconds(search: Search, speed: Pace) -> float:
    """Return the same of the config as it is, or of the finished trial that takes longest."""
    trials = [trial for trial in search.study.trials() if trial.state == "finished" and trial.elsewhere is None]
    finished = [trial.units for trial in trials if trial.units]
    return max(_test_seconds(search, speed, units) for units in (search.units, *finished))


def reserved_seconds(search: Search) -> float:
    """Return the seconds that no trial may take: those of the end, and those that are held for additions."""
    return end_seconds(search) + addition_costs(search).held(search.clock.deadline_seconds)


def _longer_end(search: Search, speed: Pace, units: Units) -> float:
    """Return how much longer than `end_seconds` the end takes where a trial that has not finished yet wins."""
    return max(_test_seconds(search, speed, units) - _slowest_test_seconds(search, speed), 0.0)


def seconds_after_training(search: Search, trial: TrialRecord) -> float:
    """Return the seconds that must be left when a step of a trial ends: for its evaluation and summaries, and what no
    trial may take. The config as it is, without which there is no result, may take what additions are held for.
    """
    assert trial.units is not None
    speed = pace(search)
    ending = len(search.data.dev) * speed.summary(trial.units) + trial.units.evaluation * speed.evaluation
    ending += _longer_end(search, speed, trial.units)
    return SLACK * ending + (reserved_seconds(search) if trial.number else end_seconds(search))


def least_seconds(settings: SearchSettings, units: Units, dev: int, test: int) -> float:
    """Return the seconds of the shortest deadline of a new search: for the config as it is, which runs to its end
    without a pause, and the search's end.
    """
    speed, few = Pace(), pause_dialogues(settings, dev)
    trial = speed.seconds(units, dev + few, len(settings.pauses) - bool(few))
    return SLACK * trial + _END_SECONDS + 2 * (speed.begin + test * speed.summary(units))


def addition_costs(search: Search, winner: int | None = None) -> AdditionCosts:
    """Return what additions take; those to a trial by its own settings, which `search.space` may let find summaries in
    another way than the config as it is.
    """
    config, units = search.config, search.units
    if winner is not None:
        trial = search.study.trials()[winner]
        config, units = changed_config(config, trial.settings, "search.space"), trial.units or units
    try:
        refining = search.refine_units()
    except YoyakError:  # said where it is tried
        refining = None
    dev, test = len(search.data.dev), len(search.data.test)
    return AdditionCosts(config, pace(search), units, refining, dev, test)
