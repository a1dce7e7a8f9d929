"""What of a deadline no trial may take."""

import pytest

from src.config.loader import load_config
from src.search.costs import RefineUnits, Units
from src.search.held import AdditionCosts
from src.search.pace import Pace

UNITS = Units(steps=40, step=2.0, evaluations=2, evaluation=5.0, prompt=0.1, token=0.02, tokens=20)  # a summary: 0.5


def costs(*settings, refining=None):
    return AdditionCosts(load_config("quickstart", settings), Pace(begin=5.0), UNITS, refining, dev=10, test=50)


def test_seconds_by_hand():
    found = costs("refine.eval_steps=10", refining=RefineUnits(8.0, 1.5, 0.5))
    assert found.average() == pytest.approx(1.05 * (5 + 5))
    assert found.together(2) == pytest.approx(1.05 * 2 * (5 + 25))
    # A summary by four beams: 0.1 + 2.2 x 0.4; at the end each takes 0.48 longer.
    assert found.beams_at_end() == pytest.approx(1.05 * 50 * 0.48)
    assert found.beams() == pytest.approx(1.05 * (5 + 9.8 + 24))
    assert found.beams_if_tried == found.beams()
    assert costs("search.additions=[average]").beams_if_tried == costs("generation.num_beams=2").beams_if_tried == 0
    # Two loads; evaluations at 0, 10 and 20, and the score of the model; 20 steps of 10.
    assert found.refine(20) == pytest.approx(1.05 * (10 + 4 * 5 + 200))


def test_what_additions_take_is_held_up_to_their_share():
    assert costs("search.additions=[]").held(1000) == 0
    assert costs("search.additions=[average]").held(1000) == pytest.approx(10.5)
    assert costs("search.additions=[mbr]").held(1000) == pytest.approx(63)  # of the two models besides the winner
    assert costs("search.additions=[beams]").held(1000) == pytest.approx(40.74)
    assert costs().held(1000) == pytest.approx(114.24)
    own = ("generation.num_beams=2", "generation.mbr_samples=4", "generation.do_sample=true")  # not greedy as it is
    assert [costs(setting).held(1000) for setting in own] == [pytest.approx(73.5)] * 3
    assert costs("search.additions_share=0.05").held(1000) == 50
    alone = ("search.trials=1", "search.additions=[average, mbr]")
    assert costs(*alone).held(1000) == 0  # nothing to average with


def test_a_refining_takes_what_is_left_of_the_share_or_nothing():
    units, settings = RefineUnits(8.0, 1.5, 0.5), ("search.additions=[refine]", "refine.eval_steps=10")
    least = 1.05 * (10 + 3 * 5 + 100)  # to the first evaluation
    assert costs(*settings, refining=units).held(least / 0.3 - 1) == 0
    assert costs(*settings, refining=units).held(least / 0.3 + 1) == pytest.approx(least + 0.3)
    assert costs(*settings, "refine.steps=20", refining=units).held(1e6) == pytest.approx(1.05 * (10 + 20 + 200))


def test_a_refining_that_does_not_fit_leaves_what_is_held_for_an_average_and_beams():
    both, all_of_them = "search.additions=[average, beams]", "search.additions=[average, refine, beams]"
    units = RefineUnits(8.0, 1.5, 0.5)
    held = costs(both).average() + costs(both).beams()
    assert costs(both).held(held / 0.3) == pytest.approx(held)  # that share of the deadline is enough for both
    assert costs(all_of_them, refining=units).held(held / 0.3) == pytest.approx(held)
    assert costs(all_of_them, "refine.eval_steps=10", refining=units).held(held / 0.3 + 400) == pytest.approx(held)
