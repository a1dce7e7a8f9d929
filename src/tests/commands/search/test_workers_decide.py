"""What a worker does where it finds nothing to run: others decide meanwhile, and a guess makes it neither leave nor
refuse.
"""

import os
from fcntl import LOCK_EX, LOCK_NB, flock
from types import SimpleNamespace

import pytest

from src.commands.search import loop
from src.commands.search.conclude import show_result
from src.commands.search.trial import Stage
from src.commands.speech import in_korean as said_in_korean
from src.config.loader import load_config
from src.errors import YoyakError
from src.search.costs import Spent, Units
from src.search.folder import trial_name
from src.search.space import search_space
from src.search.study import SearchStudy
from src.search.workers import claimed, held_trials
from src.tests.lock_holder import holder

UNITS = Units(steps=10, step=1.0, evaluations=2, evaluation=1.0, prompt=0.1, token=0.01, tokens=20.0)


def search_of(folder, left, units):
    """A search whose first trial has begun, with so many seconds left; `units` counts a drawn trial's work."""
    config = load_config("quickstart", ["search.additions=[]"])
    study = SearchStudy(f"sqlite:///{folder / 'search.db'}", "found", search_space(config), 0)
    if not study.trials():
        study.add(None, UNITS)
    of_config = {"config": config, "settings": config.search, "heed_decisions": lambda: None, "space": study.space}
    of_time = {
        "clock": SimpleNamespace(left=left, spent=0.0, deadline_seconds=left),
        "machine": SimpleNamespace(units=units),
    }
    said = []
    of_time |= {"console": SimpleNamespace(print=lambda line, **_: said.append(line)), "said": said}
    parts = {"folder": folder, "study": study, "units": UNITS, "refine_units": lambda: None}
    return SimpleNamespace(**parts, **of_config, **of_time, data=SimpleNamespace(dev=[], test=[]))


def measured(search, seconds):
    """Let the first trial have ended, after so many seconds of training."""
    spent = Spent(begins=1, begin=1.0, steps=10, train=seconds)
    search.study.note(0, "stages", [{"ended_after": 1.0, "spent": vars(spent)}])
    search.study.finish(0, 1.0)


def test_who_draws_what_is_never_started_lets_others_decide_in_between(tmp_path, monkeypatch):
    def refused(config):
        raise YoyakError("settings that exclude each other")

    search = search_of(tmp_path, 1e6, refused)
    measured(search, 10.0)
    free = []

    def look(seconds):
        descriptor = os.open(tmp_path / ".deciding.lock", os.O_RDWR)
        flock(descriptor, LOCK_EX | LOCK_NB)  # BlockingIOError where it is held
        os.close(descriptor)
        free.append(seconds)

    monkeypatch.setattr(loop.time, "sleep", look)
    loop.run_trials(search)
    assert free == [0.01] * 20
    assert [trial.state for trial in search.study.trials()] == ["finished", *["refused"] * 20]


def test_before_anything_is_measured_a_guess_makes_no_worker_leave(tmp_path, monkeypatch):
    """The first trial runs in another worker, and shows after three looks that the guess was ten times too long."""
    search, waited, ran = search_of(tmp_path, 100.0, lambda config: UNITS), [], []
    first = claimed(tmp_path, trial_name(0))
    first.__enter__()

    def wait(seconds):
        waited.append(seconds)
        if len(waited) == 3:
            first.__exit__(None, None, None)
            measured(search, 1.0)

    def run(search, number, until):
        ran.append((number, until))
        search.clock.left = 0.0

    slow = Units(steps=1000, step=1.0, evaluations=2, evaluation=1.0, prompt=0.1, token=0.01, tokens=20.0)
    search.machine.units = lambda config: slow if len(waited) < 3 else UNITS
    monkeypatch.setattr(loop.time, "sleep", wait)
    monkeypatch.setattr(loop, "_run", run)
    loop.run_trials(search)
    assert waited == [1.0] * 3
    assert ran == [(1, 0)]
    assert search.study.trials()[1].state == "begun"


@pytest.mark.parametrize("ends", ["paused", "finished", "failed"])
def test_a_trial_that_ends_while_another_worker_decides_is_not_run_again(tmp_path, monkeypatch, ends):
    """Between this worker's looks at the trials and at their claims the other one keeps what it found, and lets go."""
    search, other = (search_of(tmp_path, 1e6, lambda config: UNITS) for _ in range(2))
    measured(search, 10.0)
    search.study.add(search.study.draw(), UNITS)
    its = claimed(tmp_path, trial_name(1))
    its.__enter__()

    def ask(folder):
        monkeypatch.undo()
        other.study.look()
        other.study.measure(1, {0: -1.5}, Spent(begins=1, begin=1.0, steps=4, train=4.0))
        if ends == "finished":
            other.study.finish(1, 50.0)
        elif ends == "failed":
            other.study.fail(1, "it diverged")
        its.__exit__(None, None, None)
        return held_trials(folder)

    monkeypatch.setattr(loop, "held_trials", ask)
    assert loop._next(search, 0) == (2, 0)


def test_a_trial_whose_run_a_killed_worker_has_yet_is_left_for_later(tmp_path):
    """Its claim is gone already; to go on with the run would be refused, and the trial be failed for good."""
    search = search_of(tmp_path, 1e6, lambda config: UNITS)
    measured(search, 10.0)
    number = search.study.add(search.study.draw(), UNITS)
    with holder(tmp_path / trial_name(number)):
        assert loop._next(search, 0) == (2, 0)
    assert loop._next(search, 0) == (number, 0)


def run_of(search, monkeypatch, stage):
    """Let a worker run trials whose parts come to what `stage` returns."""
    monkeypatch.setattr(loop, "run_stage", lambda config, *_: stage(config))
    search.data.dev_file, search.machine.losses = None, None
    loop.run_trials(search)


@pytest.mark.parametrize("error", [None, YoyakError("it diverged")])
def test_what_another_process_has_ended_meanwhile_is_said_and_left(tmp_path, monkeypatch, error):
    """A machine that sleeps for long enough is taken for dead."""
    search, other = (search_of(tmp_path, 1e6, lambda config: UNITS) for _ in range(2))
    measured(search, 10.0)
    number = search.study.add(search.study.draw(), UNITS)

    def stage(config):
        search.clock.left = 0.0
        other.study.look()
        other.study.finish(number, 50.0)
        if error is not None:
            raise error
        return Stage({0: -1.5}, Spent(begins=1, begin=1.0, steps=4, train=4.0), None)

    run_of(search, monkeypatch, stage)
    trial = search.study.trials()[number]
    assert (trial.state, trial.value, trial.measured) == ("finished", 50.0, {})
    said = f"Trial {number} has been ended by another process meanwhile; what this one found is not kept"
    assert search.said[1:] == [said]
    assert said_in_korean(said).startswith(f"시도 {number}: 그사이 다른 프로세스가 끝냈으므로")


def test_a_trial_ends_two_processes_at_the_most(tmp_path, monkeypatch):
    """Otherwise each worker and each next start would end at it, for one that was cut off comes first."""
    search = search_of(tmp_path, 1e6, lambda config: UNITS)
    measured(search, 10.0)
    number = search.study.add(search.study.draw(), UNITS)
    errors = [
        OSError(5, "Input/output error"),
        ValueError("token=hf_0123456789abcdefghijklmnopqrstuvwxyz"),
        TypeError(),
    ]

    def stage(config):
        raise errors[0]

    states = []
    while errors:
        with pytest.raises(type(errors[0])):
            run_of(search, monkeypatch, stage)
        states.append(search.study.trials()[number].state)
        del errors[0]
    assert states == ["begun", "begun", "failed"]
    trial = search.study.trials()[number]
    assert trial.attributes["unexpected"] == ["ValueError: token=[secret]", "TypeError: TypeError"]
    assert trial.reason == "two processes have ended at it unexpectedly, the last one so: TypeError: TypeError"
    assert trial.reason.ko == "프로세스 두 개가 이 시도에서 예기치 않게 끝났습니다. 마지막 이유: TypeError: TypeError"
    assert loop._next(search, 0) == (2, 0)


@pytest.mark.parametrize("seconds", [10.0, 1000.0])
def test_what_time_refuses_at_a_measured_pace_ends_the_drawing(tmp_path, seconds):
    search = search_of(tmp_path, 15.0, lambda config: UNITS)
    measured(search, seconds)
    loop.run_trials(search)
    assert [trial.state for trial in search.study.trials()] == ["finished", "refused"]


def test_the_end_names_what_has_ended_processes(tmp_path):
    ended = {"number": 0, "state": "finished", "score": 50.0, "low": 45.0, "high": 55.0, "unexpected": []}
    trials = [ended, {"number": 1, "state": "failed", "unexpected": ["ValueError: odd", "TypeError: worse"]}]
    found = {"trials": trials, "spent_seconds": 9.0, "chosen": 0, "equal": [0], "objective": "chrf"}
    alone = {"status": "ended", "others": []}
    nothing = {"gain": None, "additions": [], "earlier": None, "test": None, "together": []}
    search = search_of(tmp_path, 1e6, lambda config: UNITS)
    show_result(search, found | alone | nothing | {"dev": {"dialogues": 4}})
    lines = [f"Ended:   a process at trial 1, unexpectedly: {why}" for why in ("ValueError: odd", "TypeError: worse")]
    assert search.said[1:3] == lines
    assert said_in_korean(lines[0]) == "중단:    시도 1에서 프로세스가 예기치 않게 끝남: ValueError: odd"
