"""What the scheduler counts and in which order it works, with an engine that does as it is told."""

import logging
import threading
import time

import pytest

from src.serving.engine import OutOfMemoryError
from src.serving.errors import ApiError
from src.serving.jobs import Job
from src.serving.limits import Limits
from src.serving.scheduler import MAX_FAILURES_IN_A_ROW, Scheduler
from src.tests.serving.conftest import until


def job(prompt=(5, 6), most=4, **more):
    return Job(list(prompt), 256, most, **more)


class ToldEngine:
    """Fails, runs out of memory or ends each job at once, in the order of `outcomes`, and then ends all."""

    def __init__(self, *outcomes):
        self.outcomes, self.batches = list(outcomes), []

    def generate(self, admit):
        jobs = admit()
        self.batches.append(jobs)
        outcome = self.outcomes.pop(0) if self.outcomes else "ends"
        if outcome == "fails":
            raise RuntimeError("device-side assert")
        if outcome == "out of memory":
            raise OutOfMemoryError
        for one in jobs:
            one.accept(one.end_id)


@pytest.fixture
def start():
    started = []

    def scheduler(engine=None, **limits):
        started.append(Scheduler(engine or ToldEngine(), Limits(**{"batch_wait_seconds": 0.0, **limits})))
        return started[-1]

    yield scheduler
    for one in started:
        one.stop()


def value(metric):
    return sum(sample.value for family in metric.collect() for sample in family.samples if "created" not in sample.name)


def ended(scheduler, *jobs):
    scheduler.submit(jobs)
    until(lambda: scheduler.is_idle and not scheduler._running)
    return [one.finish for one in jobs]


def test_only_failures_in_a_row_call_for_a_restart(start, caplog):
    """Three failures in the life of a server, each followed by an answer, are no reason for 503."""
    outcomes = ["fails", "ends"] * 4 + ["fails"] * 3
    scheduler = start(ToldEngine(*outcomes))
    scheduler.start()
    for outcome in outcomes[:-1]:
        assert ended(scheduler, job()) == [{"fails": "failed", "ends": "stop"}[outcome]]
        assert scheduler.is_alive
        assert scheduler.is_ready
    assert ended(scheduler, job()) == ["failed"]
    assert not scheduler.is_alive
    assert not scheduler.is_ready
    assert MAX_FAILURES_IN_A_ROW == 3
    assert value(scheduler.metrics.failures) == 7
    assert value(scheduler.metrics.summaries.labels("failed")) == 7


def test_out_of_memory_is_no_failure_of_the_engine(start, caplog):
    scheduler = start(ToldEngine(*["out of memory"] * 4))
    scheduler.start()
    for _ in range(4):
        assert ended(scheduler, job()) == ["failed"]
    assert scheduler.is_alive
    assert ended(scheduler, job()) == ["stop"]


def test_before_it_is_started_it_does_not_live(start):
    scheduler = start()
    assert not scheduler.is_alive
    scheduler.start()
    assert scheduler.is_alive


def test_out_of_memory_puts_unfinished_jobs_back_in_their_order(start, caplog):
    caplog.set_level(logging.WARNING, logger="yoyak.serving")
    scheduler = start(max_batch=5)
    one, two, three, four, five, late = (job([number]) for number in range(6))
    scheduler.submit([one, two, three, four, five])
    assert scheduler._admit() == [one, two, three, four, five]
    scheduler.submit([late])
    two.accept(256)
    scheduler._make_batch_smaller()
    assert list(scheduler._waiting) == [one, three, four, five, late]
    assert scheduler._running == []
    assert caplog.messages == ["out of memory: at most 2 summaries at a time from now on"]
    assert scheduler._admit() == [one, three]
    assert value(scheduler.metrics.summaries.labels("stop")) == 1
    scheduler._make_batch_smaller()
    assert scheduler._max_batch == 1
    assert scheduler._admit() == [one]
    scheduler._make_batch_smaller()
    assert one.finish == "failed"
    assert list(scheduler._waiting) == [three, four, five, late]


def test_a_job_that_is_taken_up_again_keeps_its_start(start):
    scheduler = start(max_batch=2)
    jobs = [job(), job()]
    scheduler.submit(jobs)
    scheduler._admit()
    started = [one.started_at for one in jobs]
    scheduler._make_batch_smaller()
    scheduler._admit()
    assert [one.started_at for one in jobs] == started
    assert value(scheduler.metrics.wait_seconds) > 0
    text = scheduler.metrics.text().decode()
    assert "yoyak_wait_seconds_count 2.0" in text


@pytest.mark.parametrize(
    ("mean", "waiting", "most", "seconds"),
    [(0.0, 0, 4, 1), (1.0, 0, 4, 1), (1.0, 6, 4, 3), (0.01, 0, 4, 1), (50.0, 8, 4, 60)],
)
def test_when_to_try_again(start, mean, waiting, most, seconds):
    scheduler = start(max_batch=most)
    scheduler._mean_seconds = mean
    scheduler._waiting.extend(job() for _ in range(waiting))
    assert scheduler._retry_after_seconds() == seconds


def test_the_mean_time_of_a_summary_follows_slowly_and_only_those_that_ended(start):
    scheduler = start(max_batch=4)
    for finish, expected in (("stop", 1.9), ("length", 2.71), ("cancelled", 2.71), ("failed", 2.71)):
        one = job()
        one.started_at, one.finished_at, one.finish = 100.0, 110.0, finish
        scheduler._count(one)
        assert scheduler._mean_seconds == pytest.approx(expected)


def test_the_widest_of_a_batch_decides_its_memory(start):
    scheduler = start(max_batch=8, batch_tokens=79)
    jobs = [job([1] * 16), job([1] * 2), job([1] * 2), job([1] * 2)]  # 20 wide with the summary
    scheduler.submit(jobs)
    assert scheduler._admit() == jobs[:3]
    assert scheduler._fits(job([1] * 100)) is False
    assert start(max_batch=1, batch_tokens=5)._fits(job([1] * 100)) is True


def test_prompts_of_2048_tokens_join_at_a_time(start):
    scheduler = start(max_batch=8)
    jobs = [job([1] * 1024), job([1] * 1024), job([1])]
    scheduler.submit(jobs)
    assert scheduler._admit() == jobs[:2]
    assert scheduler._admit() == jobs[2:]
    long = job([1] * 3000)
    scheduler.submit([long])
    assert scheduler._admit() == [long]


def test_nobody_joins_after_the_stop(start):
    scheduler = start()
    scheduler.submit([job()])
    scheduler._stopped = True
    assert scheduler._admit() == []


@pytest.mark.parametrize(("running", "waiting", "more", "taken"), [(0, 0, 4, True), (0, 0, 5, False), (2, 1, 1, True),
                                                                    (2, 2, 1, False), (3, 0, 2, True)])  # fmt: skip
def test_the_queue_is_beside_the_places_that_are_free(start, running, waiting, more, taken):
    """Two places and a queue of two."""
    scheduler = start(max_batch=2, max_queue=2)
    scheduler._running = [job() for _ in range(running)]
    scheduler._waiting.extend(job() for _ in range(waiting))
    if taken:
        scheduler.check_room(more)
    else:
        with pytest.raises(ApiError, match="busy"):
            scheduler.submit([job() for _ in range(more)])
        assert len(scheduler._waiting) == waiting  # all or none
    scheduler._running = []


def test_cancelled_jobs_are_counted_once_and_finished_ones_not(start):
    scheduler = start(max_batch=2)
    running, waiting, done = job(), job(), job()
    scheduler.submit([running, waiting])
    scheduler._running.append(scheduler._waiting.popleft())
    done.accept(256)
    scheduler.cancel([running, waiting, done])
    scheduler.cancel([running, waiting])
    assert [running.finish, waiting.finish, done.finish] == ["cancelled", "cancelled", "stop"]
    assert list(scheduler._waiting) == []
    assert value(scheduler.metrics.summaries.labels("cancelled")) == 2
    scheduler._clear_finished()
    assert scheduler._running == []
    assert value(scheduler.metrics.summaries.labels("cancelled")) == 2


def test_idle_is_without_jobs_that_wait_or_run_and_are_not_finished(start):
    scheduler = start()
    assert scheduler.is_idle
    one = job()
    scheduler.submit([one])
    assert not scheduler.is_idle
    scheduler._admit()
    assert not scheduler.is_idle
    one.accept(256)
    assert scheduler.is_idle


def test_stopping_before_the_wait_for_company_is_over(start):
    scheduler = start(batch_wait_seconds=60.0, max_batch=4)
    scheduler.start()
    one = job()
    scheduler.submit([one])
    time.sleep(0.3)  # until the engine's thread waits for company
    began = time.monotonic()
    scheduler.stop()
    assert time.monotonic() - began < 5
    assert not scheduler._thread.is_alive()
    assert one.finish == "cancelled"
    assert scheduler._engine.batches == []
    with pytest.raises(ApiError) as refused:
        scheduler.submit([job()])
    assert refused.value.status == 503


def test_stopping_does_not_wait_for_an_engine_longer_than_it_may(start):
    hold = threading.Event()

    class Held(ToldEngine):
        def generate(self, admit):
            super().generate(admit)
            hold.wait(20)

    scheduler = start(Held())
    scheduler.start()
    scheduler.submit([job()])
    until(lambda: scheduler._engine.batches)
    began = time.monotonic()
    scheduler.stop(seconds=0)
    assert time.monotonic() - began < 5
    hold.set()


# Jobs


def test_a_job_takes_tokens_until_an_end_or_its_limit():
    told = []
    one = job(most=3, notify=lambda: told.append(1), more_ends=frozenset({7}))
    for token in (1, 2):
        one.accept(token)
    assert (one.generated, one.finish, one.finished_at, len(told)) == ([1, 2], None, None, 2)
    assert one.ids == [5, 6, 1, 2]
    one.accept(3)
    assert (one.generated, one.finish, len(told)) == ([1, 2, 3], "length", 3)
    one.accept(4)
    assert (one.generated, len(told)) == ([1, 2, 3], 3)
    assert one.end("cancelled") is False
    assert one.finish == "length"
    assert one.finished_at >= one.submitted_at
    for end in (7, 256):
        other = job(more_ends=frozenset({7}))
        other.accept(end)
        assert (other.generated, other.finish) == ([end], "stop")
    assert other.ends == {7, 256}


def test_an_end_token_at_the_limit_is_an_end():
    one = job(most=1)
    one.accept(256)
    assert one.finish == "stop"


def test_an_idle_scheduler_waits_for_company(start):
    """Two requests a moment apart share a batch; the second one waits no longer than the first one's time."""
    engine = ToldEngine()
    scheduler = start(engine, batch_wait_seconds=0.5, max_batch=8)
    scheduler.start()
    first, second = job(), job()
    scheduler.submit([first])
    time.sleep(0.1)
    assert engine.batches == []
    scheduler.submit([second])
    until(lambda: scheduler.is_idle and not scheduler._running)
    assert engine.batches == [[first, second]]
