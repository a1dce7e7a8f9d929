"""The time of a search, over kills and with several workers."""

import pytest

from src.errors import YoyakError
from src.search.clock import SearchClock, read_duration


class Time:
    def __init__(self, seconds):
        self.seconds = seconds

    def __call__(self):
        return self.seconds


def test_what_lies_between_a_kill_and_going_on_does_not_count(tmp_path):
    time = Time(1000.0)
    clock = SearchClock(tmp_path, 100.0, now=time)
    time.seconds = 1030.0
    assert (clock.spent, clock.left) == (30.0, 70.0)
    with clock.running():
        pass  # written at the end
    time.seconds = 5000.0
    again = SearchClock(tmp_path, 100.0, began=4990.0, now=time)
    assert again.spent == 40.0  # 30 before, and 10 since its process began


def test_a_second_worker_joins(tmp_path):
    time = Time(1000.0)
    first = SearchClock(tmp_path, 100.0, now=time)
    time.seconds = 1030.0
    with first.running():
        pass
    time.seconds = 1032.0
    second = SearchClock(tmp_path, 100.0, began=1031.0, now=time)
    assert first.spent == second.spent == 32.0


def test_a_broken_file_counts_as_none(tmp_path):
    (tmp_path / "clock.json").write_text('{"spent": "x"')
    assert SearchClock(tmp_path, 100.0, now=Time(5.0)).spent == 0.0


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("20m", 1200), ("3h", 10800), ("1h30m", 5400), ("0.5h", 1800)]
)
def test_durations(text, seconds):
    assert read_duration(text, "--deadline") == seconds


@pytest.mark.parametrize("text", ["", "3", "h", "-3h", "3x", "0m", "1.2.3h", "3h5", "9" * 400 + "h"])
def test_what_is_no_duration(text):
    with pytest.raises(YoyakError, match="give a time such as 90s"):
        read_duration(text, "--deadline")
