"""How many requests go at a time after memory has run out, by a clock that is told."""

import pytest

from src.inference import try_again
from src.serving.batch_limit import BatchLimit


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(try_again.time, "monotonic", lambda: now[0])
    return now


def allowed_after(limit: BatchLimit, clock: list[float], *waits: float) -> list[int]:
    found = []
    for wait in waits:
        clock[0] += wait
        found.append(limit.allowed())
    return found


def test_twice_as_many_go_each_minute_after_memory_has_run_out(clock: list[float]) -> None:
    limit = BatchLimit(20)
    assert limit.allowed() == 20
    limit.lower(7)
    assert limit.allowed() == 3
    assert allowed_after(limit, clock, 59.9, 0.1, 59.9, 0.1, 60, 1000) == [3, 6, 6, 12, 20, 20]
    limit.lower(1)
    assert limit.allowed() == 1


def test_the_wait_doubles_each_time_that_memory_runs_out_up_to_an_hour(clock: list[float]) -> None:
    limit = BatchLimit(4)
    for wait in (60, 120, 240, 480, 960, 1920, 3600, 3600):
        limit.lower(4)
        assert allowed_after(limit, clock, wait - 1, 1) == [2, 4]
