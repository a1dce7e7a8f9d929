"""Which trial goes on."""

import math

from src.search.halving import Standing, by_promise, promotable, ranked

FREE = range(10)


def begun(number, *measured):
    return Standing(number, "begun", dict(enumerate(measured)))


FIRST = Standing(0, "finished", {0: -2.0, 1: 50.0})


def test_the_config_as_it_is_always_goes_on():
    assert promotable([begun(0)], 2, 3, FREE) == 0
    assert promotable([begun(0)], 2, 3, []) is None  # another worker has it


def test_the_best_third_goes_on():
    trials = [FIRST, begun(1, -1.5), begun(2, -1.2)]
    assert promotable(trials, 2, 3, FREE) == 2  # one of three
    assert promotable([*trials[:2], begun(2, -1.2, 40.0)], 2, 3, FREE) is None  # it has gone on
    assert promotable([*trials[:2], begun(2, -2.5)], 2, 3, FREE) == 1
    assert promotable([FIRST, begun(1, -2.5), begun(2, -3.0)], 2, 3, FREE) is None  # the best one is the first
    assert promotable(trials, 2, 3, [1]) is None
    five = [FIRST, begun(1, -1.3), begun(2, -1.2, 40.0), begun(3, -2.5), begun(4, -3.0)]
    assert promotable(five, 2, 3, FREE) is None  # one of five goes on, and has
    assert promotable(five, 2, 2, FREE) == 1


def test_the_farthest_comes_first():
    far = [begun(1, -1.0, 60.0), begun(2, -1.1, 55.0), begun(3, -0.9), *(begun(n, -3.0) for n in (4, 5))]
    assert [trial.number for trial in ranked([FIRST, *far], 1)] == [1, 2, 0]
    assert promotable([FIRST, *far], 2, 3, FREE) == 1


def test_a_loss_that_is_no_number_is_the_worst():
    trials = [FIRST, begun(1, math.nan), begun(2, -9.0)]
    assert [trial.number for trial in ranked(trials, 0)] == [0, 2, 1]
    assert by_promise(trials, FREE) == [2, 1]


def test_without_time_for_more_the_most_promising_ends():
    trials = [FIRST, begun(1, -1.0), begun(2, -1.5, 55.0), Standing(3, "lost", {0: 0.0}), begun(4)]
    assert by_promise(trials, FREE) == [2, 1]
    assert by_promise(trials, [1]) == [1]
