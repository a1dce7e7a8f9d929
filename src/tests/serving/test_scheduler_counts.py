"""What the scheduler counts and in which order it works, with an engine that does as it is told."""

import logging
import threading
import time

import pytest

from src.serving.engine import OutOfMemoryError
from src.serving.errors import ApiError
from src.serving.limits import RequestLimits
from src.serving.scheduler import MAX_FAILURES_IN_A_ROW, Scheduler
from src.tests.serving.conftest import until
from src.tests.serving.told_engine import ToldEngine, job, lasting


@pytest.fixture
def start():
    started = []

    def scheduler(engine=None, **limits):
        started.append(Scheduler(engine or ToldEngine(), RequestLimits(**{"batch_wait_seconds": 0.0, **limits})))
        return started[-1]

    yield scheduler
    for one in started:
        one.stop()


def value(metric):
    return sum(sample.value for family in metric.collect() for sample in family.samples if "created" not in sample.name)


def ended(scheduler, *jobs):
    scheduler.submit(jobs)
    until(lambda: scheduler.is_idle and not scheduler.running)
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
    one, two, three, four, five, late = (job([number]) for number in range(6))

    def run_out(jobs):
        two.accept(256)
        scheduler.submit([late])
        raise OutOfMemoryError

    engine = ToldEngine(run_out, "out of memory", "out of memory")
    scheduler = start(engine, max_batch=5)
    scheduler.submit([one, two, three, four, five])
    scheduler.start()
    until(lambda: scheduler.is_idle and not scheduler.running)
    batches = [[one, two, three, four, five], [one, three], [one], [three], [four], [five], [late]]
    assert engine.batches == batches
    assert [each.finish for each in (one, two, three, four, five, late)] == ["failed"] + ["stop"] * 5
    assert caplog.messages == [
        "out of memory: 2 at a time at most for now",
        "out of memory: 1 at a time at most for now",
        "out of memory on a single request, which was given up",
    ]
    assert value(scheduler.metrics.summaries.labels("stop")) == 5


def test_a_job_that_is_taken_up_again_keeps_its_start(start):
    started = []

    def run_out(jobs):
        started.append([one.started_at for one in jobs])
        raise OutOfMemoryError

    scheduler = start(ToldEngine(run_out), max_batch=2)
    jobs = [job(), job()]
    scheduler.submit(jobs)
    scheduler.start()
    until(lambda: scheduler.is_idle and not scheduler.running)
    assert [one.started_at for one in jobs] == started[0]
    assert value(scheduler.metrics.wait_seconds) > 0
    assert "yoyak_wait_seconds_count 2.0" in scheduler.metrics.text().decode()


def seconds_to_retry(scheduler, count):
    with pytest.raises(ApiError) as refused:
        scheduler.check_room(count)
    return int(refused.value.headers["Retry-After"])


@pytest.mark.parametrize(("lasted", "waiting", "seconds"), [(0, 0, 1), (0.5, 6, 3), (500, 8, 60)])
def test_when_to_try_again(start, lasted, waiting, seconds):
    """A summary of 0.5 s makes the mean 0.95 s, one of 500 s 51 s; behind 6 jobs for 4 places it is 2.5 of them."""
    release = threading.Event()
    engine = ToldEngine(lasting(lasted), lambda jobs: release.wait(20))
    scheduler = start(engine, max_batch=4, max_queue=waiting)
    scheduler.start()
    assert ended(scheduler, job()) == ["stop"]
    scheduler.submit([job() for _ in range(4)])
    until(lambda: len(engine.batches) == 2)
    scheduler.submit([job() for _ in range(waiting)])
    assert seconds_to_retry(scheduler, 1) == seconds
    release.set()


def test_the_mean_time_of_a_summary_follows_slowly_and_only_those_that_ended(start):
    """From 1 s by a tenth of the way to 10 s each time: 1.9, 2.71, and no further to 3.44."""
    finishes = ("stop", "length", "cancelled", "failed")
    scheduler = start(ToldEngine(*(lasting(10, finish) for finish in finishes)), max_batch=4, max_queue=0)
    scheduler.start()
    for finish, expected in zip(finishes, (2, 3, 3, 3), strict=True):
        assert ended(scheduler, job()) == [finish]
        assert seconds_to_retry(scheduler, 5) == expected


@pytest.mark.parametrize("bound", [{"batch_tokens": 79}, {"rows_that_fit": lambda tokens: 79 // tokens}])
def test_the_widest_of_a_batch_decides_its_memory(start, bound):
    scheduler = start(max_batch=8, **bound)
    jobs = [job([1] * 16), job([1] * 2), job([1] * 2), job([1] * 2)]  # 20 wide with the summary
    scheduler.submit(jobs)
    assert scheduler.admit() == jobs[:3]
    scheduler.cancel(jobs[3:])
    wide = job([1] * 100)
    scheduler.submit([wide])
    assert scheduler.admit() == []
    alone = start(max_batch=1, batch_tokens=5)
    alone.submit([wide])
    assert alone.admit() == [wide]


def test_prompts_of_2048_tokens_join_at_a_time(start):
    scheduler = start(max_batch=8)
    jobs = [job([1] * 1024), job([1] * 1024), job([1])]
    scheduler.submit(jobs)
    assert scheduler.admit() == jobs[:2]
    assert scheduler.admit() == jobs[2:]
    long = job([1] * 3000)
    scheduler.submit([long])
    assert scheduler.admit() == [long]


def test_nobody_joins_after_the_stop(start):
    scheduler = start()
    scheduler.submit([job()])
    scheduler._stopped = True
    assert scheduler.admit() == []


@pytest.mark.parametrize(("running", "waiting", "more", "taken"), [(0, 0, 4, True), (0, 0, 5, False), (2, 1, 1, True),
                                                                    (2, 2, 1, False)])  # fmt: skip
def test_the_queue_is_beside_the_places_that_are_free(start, running, waiting, more, taken):
    """Two places and a queue of two."""
    scheduler = start(max_batch=2, max_queue=2)
    scheduler.submit([job() for _ in range(running)])
    assert len(scheduler.admit()) == running
    scheduler.submit([job() for _ in range(waiting)])
    if taken:
        scheduler.check_room(more)
    else:
        with pytest.raises(ApiError, match="busy"):
            scheduler.submit([job() for _ in range(more)])
        assert len(scheduler.waiting) == waiting  # all or none


def test_cancelled_jobs_are_counted_once_and_finished_ones_not(start):
    scheduler = start(max_batch=1)
    running, waiting, done = job(), job(), job()
    scheduler.submit([running, waiting])
    assert scheduler.admit() == [running]
    done.accept(256)
    scheduler.cancel([running, waiting, done])
    scheduler.cancel([running, waiting])
    assert [running.finish, waiting.finish, done.finish] == ["cancelled", "cancelled", "stop"]
    assert not scheduler.waiting
    assert value(scheduler.metrics.summaries.labels("cancelled")) == 2
    assert scheduler.admit() == []
    assert scheduler.running == []
    assert value(scheduler.metrics.summaries.labels("cancelled")) == 2


def test_idle_is_without_jobs_that_wait_or_run_and_are_not_finished(start):
    scheduler = start()
    assert scheduler.is_idle
    one = job()
    scheduler.submit([one])
    assert not scheduler.is_idle
    scheduler.admit()
    assert not scheduler.is_idle
    one.accept(256)
    assert scheduler.is_idle


def test_stopping_before_the_wait_for_company_is_over(start):
    engine = ToldEngine()
    scheduler = start(engine, batch_wait_seconds=60.0, max_batch=4)
    scheduler.start()
    one = job()
    scheduler.submit([one])
    time.sleep(0.3)  # until the engine's thread waits for company
    began = time.monotonic()
    scheduler.stop()
    assert time.monotonic() - began < 5
    assert not scheduler.is_alive
    assert one.finish == "cancelled"
    assert engine.batches == []
    with pytest.raises(ApiError) as refused:
        scheduler.submit([job()])
    assert refused.value.status == 503


def test_stopping_does_not_wait_for_an_engine_longer_than_it_may(start):
    hold = threading.Event()

    class Held(ToldEngine):
        def generate(self, admit):
            super().generate(admit)
            hold.wait(20)

    engine = Held()
    scheduler = start(engine)
    scheduler.start()
    scheduler.submit([job()])
    until(lambda: engine.batches)
    began = time.monotonic()
    scheduler.stop(seconds=0)
    assert time.monotonic() - began < 5
    hold.set()


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
    until(lambda: scheduler.is_idle and not scheduler.running)
    assert engine.batches == [[first, second]]
