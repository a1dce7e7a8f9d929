"""The winner, and those that can't be told from it."""

import pytest

from src.search.choice import Finished, choose, stands_out

# Mean 60; the others' mean differences from it are 1 and 10.
BEST = Finished(3, [50.0, 60.0, 70.0, 60.0], 90.0)
CLOSE = Finished(2, [55.0, 55.0, 70.0, 56.0], 30.0)  # differences -5, 5, 0, 4: mean 1, standard error 2.27
FAR = Finished(0, [40.0, 50.0, 60.0, 50.0], 20.0)  # all 10 less: standard error 0


def test_the_cheapest_of_equals_is_taken():
    found = choose([FAR, CLOSE, BEST])
    assert (found.best, found.equal, found.chosen) == (3, [2, 3], 2)
    assert found.gain is not None
    assert found.gain.difference == pytest.approx(9.0)
    assert choose([FAR, BEST]).equal == [3]


def test_the_one_standard_error_rule_by_hand():
    """Differences 1, 3: mean 2, standard deviation 1.414, standard error 1: not within it."""
    assert choose([Finished(0, [0.0, 0.0], 1.0), Finished(1, [1.0, 3.0], 2.0)]).equal == [1]
    assert choose([Finished(0, [0.0, 0.0], 1.0), Finished(1, [-1.0, 3.0], 2.0)]).equal == [0, 1]  # 1, 2


@pytest.mark.parametrize(("errors", "equal"), [(0.0, [3]), (0.4, [3]), (0.5, [2, 3]), (4.0, [2, 3])])
def test_how_many_standard_errors_are_equal(errors: float, equal: list[int]):
    """CLOSE is 1 / 2.27 = 0.44 errors below; FAR, always 10 below, is not equal by any."""
    assert choose([FAR, CLOSE, BEST], errors=errors).equal == equal


def test_a_cheaper_equal_is_not_taken_below_the_config_as_it_is():
    """Means of 57.75, 59.5 and 60 with errors of 3.2 and 0.9: all are equal, the cheapest is below trial 0."""
    lower = Finished(1, [50.0, 65.0, 66.0, 50.0], 10.0)
    as_it_is = Finished(0, [50.0, 61.0, 67.0, 60.0], 80.0)
    found = choose([as_it_is, lower, BEST])
    assert (found.best, found.equal, found.chosen) == (3, [1, 0, 3], 0)
    assert found.gain is not None
    assert found.gain.difference == 0.0
    assert choose([lower, BEST]).chosen == 1  # somebody has removed trial 0
    assert choose([lower, BEST], elsewhere=59.5).chosen == 3  # or it lies on another machine
    assert choose([lower, BEST], elsewhere=61.0).chosen == 3  # which nothing here is as good as
    assert choose([Finished(0, as_it_is.scores, 80.0, 0.5), lower, BEST], 0.2).chosen == 1  # nothing to go by either


def test_below_the_config_as_it_is_where_that_is_not_equal():
    """The best is 1 above trial 0 at each dialogue, and 2.5 above a cheaper one with an error of 3.5."""
    best, as_it_is = Finished(2, [50.0, 60.0], 9.0), Finished(0, [49.0, 59.0], 8.0)
    found = choose([as_it_is, Finished(1, [51.0, 54.0], 1.0), best])
    assert (found.equal, found.chosen) == ([1, 2], 2)


def test_facts_are_a_constraint():
    wild = Finished(1, [90.0] * 4, 10.0, unsupported_facts=0.5)
    assert choose([FAR, CLOSE, wild]).chosen == 1
    assert choose([FAR, CLOSE, wild], most_unsupported_facts=0.2).chosen == 2
    assert choose([wild, Finished(2, [10.0] * 4, 1.0, 0.3)], most_unsupported_facts=0.2).chosen == 2  # the fewest


def test_one_dialogue_has_no_interval():
    assert choose([Finished(0, [5.0], 1.0), Finished(1, [7.0], 2.0)]).equal == [1]


def test_what_stands_out():
    """Differences 1, 3: mean 2 is above their standard error of 1; -1, 3: mean 1 is below 2."""
    assert stands_out([1.0, 3.0], [0.0, 0.0])
    assert not stands_out([-1.0, 3.0], [0.0, 0.0])
    assert not stands_out([0.0, 0.0], [0.0, 0.0])
    assert stands_out([0.0, 0.0, 2.0, 2.0], [0.0] * 4)  # mean 1, standard deviation 1.15, standard error 0.58
