"""Whose fault it is that memory ran out: literal cases."""

import pytest

from src.search.memory_taken import MemoryShortage


@pytest.mark.parametrize(
    ("total", "free", "planned", "of_others"),
    [
        (24, 24, 20, False),  # the planner was wrong, or the settings take more than others of their kind
        (24, 20, 20, False),
        (24, 19, 20, True),
        (24, 0, 20, True),  # not even CUDA's own part could be had
        (24, 3, 25, False),  # it would not fit into an empty card either
        (24, 23, 24, True),
    ],
)
def test_others_are_to_blame_where_the_plan_fits_the_card_and_not_what_was_free(total, free, planned, of_others):
    assert MemoryShortage("T4", total, free, planned).is_of_others == of_others


def test_a_line_names_the_card_and_its_figures():
    shortage = MemoryShortage("RTX 3090", 24_000_000_000, 1_540_000_000, 20_060_000_000)
    assert str(shortage) == "RTX 3090: 1.5 of 24.0 GB free, 20.1 planned"
