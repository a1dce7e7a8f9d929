from pathlib import Path

import pytest

from src.tests.evaluation.fact_pairs import false_alarms_and_misses, read_pairs

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("name", "supported", "unsupported"),
    [("facts_ko.txt", 155, 165), ("facts_daily.txt", 13, 17), ("facts_en.txt", 31, 31)],
)
def test_what_is_supported_passes_and_what_is_not_is_reported(name, supported, unsupported):
    """At most one in twenty of the summaries that say what the dialogue says is reported, and one in ten is missed."""
    pairs = read_pairs(HERE / name)
    assert sum(not pair.wrong for pair in pairs) == supported
    assert sum(bool(pair.wrong) for pair in pairs) == unsupported
    alarms, misses = false_alarms_and_misses(pairs)
    assert len(alarms) <= supported / 20, alarms
    assert len(misses) <= unsupported / 10, misses
