"""Who is in the batch: order, limits, what happens when memory runs out, when the engine fails, and at the end."""

import threading
import time

import pytest

from src.serving.engine import OutOfMemoryError, TransformersEngine
from src.serving.errors import ApiError
from src.serving.jobs import GenerationJob
from src.serving.limits import RequestLimits
from src.serving.scheduler import Scheduler
from src.tests.serving.conftest import until

PROMPTS = [[5, 6], [7, 8, 9], [10] * 20, [11], [12, 13], [14]]


def jobs_of(prompts, most=8):
    return [GenerationJob(prompt, 256, most) for prompt in prompts]


@pytest.fixture
def start(stepped):
    """Start a scheduler; when the test ends it is stopped, its engine no longer waiting for permits."""
    schedulers = []

    def scheduler(engine, **limits):
        schedulers.append(Scheduler(engine, RequestLimits(**limits)))
        schedulers[-1].start()
        return schedulers[-1]

    yield scheduler
    stepped.run_freely()
    for one in schedulers:
        one.stop()


def value(metric):
    return sum(sample.value for family in metric.collect() for sample in family.samples if "created" not in sample.name)


def test_jobs_that_arrive_together_share_a_batch(tiny, stepped, start):
    scheduler = start(stepped, max_batch=4, batch_wait_seconds=0.2)
    jobs = jobs_of(PROMPTS[:3])
    for job in jobs:  # one after the other, within the wait
        scheduler.submit([job])
        time.sleep(0.01)
    stepped.at_step.acquire()
    assert scheduler.running == jobs
    stepped.run_freely()
    until(lambda: scheduler.is_idle)
    alone = jobs_of(PROMPTS[:3])
    for job in alone:
        waiting = [[job]]
        TransformersEngine(tiny.model).generate(lambda waiting=waiting: waiting.pop() if waiting else [])
    assert [job.generated for job in jobs] == [job.generated for job in alone]


def test_a_full_batch_does_not_wait_for_company(stepped, start):
    scheduler = start(stepped, max_batch=2, batch_wait_seconds=60)
    scheduler.submit(jobs_of(PROMPTS[:2]))
    assert stepped.at_step.acquire(timeout=60)


def test_a_late_job_joins_the_batch_and_the_order_is_kept(stepped, start):
    scheduler = start(stepped, max_batch=2)
    first, *late = jobs_of(PROMPTS[:4])
    scheduler.submit([first])
    stepped.at_step.acquire()
    scheduler.submit(late)
    stepped.permits.release()
    stepped.at_step.acquire()
    assert scheduler.running == [first, late[0]]
    stepped.run_freely()
    until(lambda: scheduler.is_idle)
    started = [job.started_at for job in (first, *late)]
    assert started == sorted(started)


def test_the_queue_has_a_limit_beside_the_free_places(stepped, start):
    scheduler = start(stepped, max_batch=2, max_queue=1, batch_wait_seconds=0)
    scheduler.submit(jobs_of(PROMPTS[:2]))
    stepped.at_step.acquire()
    scheduler.submit(jobs_of(PROMPTS[2:3]))
    with pytest.raises(ApiError) as refused:
        scheduler.submit(jobs_of(PROMPTS[3:4]))
    assert (refused.value.status, refused.value.code) == (429, "queue_full")
    assert refused.value.headers == {"Retry-After": "2"}  # a second a job to begin with, one and a half batches
    stepped.run_freely()
    until(lambda: scheduler.is_idle)
    scheduler.submit(jobs_of(PROMPTS[:3]))
    with pytest.raises(ApiError, match="busy"):
        scheduler.check_room(4)


def test_long_prompts_do_not_all_join_at_once(stepped, start):
    scheduler = start(stepped, max_batch=8, batch_wait_seconds=0.2)
    jobs = jobs_of([[1] * 1000, [2] * 1000, [3] * 100, [4] * 10])
    scheduler.submit(jobs)
    stepped.at_step.acquire()
    assert scheduler.running == jobs[:2]  # 2,048 tokens at a time
    stepped.permits.release()
    stepped.at_step.acquire()
    assert scheduler.running == jobs
    scheduler.cancel(jobs)


def test_a_batch_is_no_larger_than_its_memory(stepped, start):
    scheduler = start(stepped, max_batch=8, batch_tokens=60, batch_wait_seconds=0.2)
    jobs = jobs_of([[1] * 12, [2] * 2, [3] * 2, [4] * 2])  # 20 tokens with the summary, three times 20 in a batch
    scheduler.submit(jobs)
    stepped.at_step.acquire()
    assert scheduler.running == jobs[:3]
    scheduler.cancel(jobs)


def test_a_job_that_is_too_large_for_the_memory_is_tried_alone(stepped, start):
    scheduler = start(stepped, max_batch=8, batch_tokens=5)
    jobs = jobs_of(PROMPTS[:2])
    scheduler.submit(jobs)
    stepped.at_step.acquire()
    assert scheduler.running == jobs[:1]
    stepped.run_freely()
    until(lambda: scheduler.is_idle)


def test_a_cancelled_job_frees_its_place(stepped, start):
    scheduler = start(stepped, max_batch=1, max_queue=1, batch_wait_seconds=0)
    running, waiting, next_one = jobs_of(PROMPTS[:3])
    scheduler.submit([running])
    stepped.at_step.acquire()
    scheduler.submit([waiting])
    scheduler.cancel([waiting])
    assert waiting.finish == "cancelled"
    scheduler.submit([next_one])
    scheduler.cancel([running])
    stepped.run_freely()
    until(lambda: next_one.finish == "length")
    assert len(running.generated) < 3
    assert waiting.generated == []
    assert value(scheduler.metrics.summaries.labels("cancelled")) == 2


class SmallEngine(TransformersEngine):
    """The real engine on a machine whose memory holds a few sequences."""

    def __init__(self, model, most, tokens_before=2):
        super().__init__(model)
        self.most, self.tokens_before, self.batches = most, tokens_before, []

    def choose(self, logits, jobs):
        self.batches.append(len(jobs))
        if len(jobs) > self.most and all(len(job.generated) >= self.tokens_before for job in jobs):
            raise OutOfMemoryError
        super().choose(logits, jobs)


def test_out_of_memory_halves_the_batch_and_loses_nothing(tiny, start):
    engine = SmallEngine(tiny.model, most=2)
    scheduler = start(engine, max_batch=6, batch_wait_seconds=0.2)
    jobs = jobs_of(PROMPTS)
    scheduler.submit(jobs)
    until(lambda: scheduler.is_idle)
    alone = jobs_of(PROMPTS)
    waiting = [alone]
    TransformersEngine(tiny.model).generate(lambda: waiting.pop() if waiting else [])
    assert [job.generated for job in jobs] == [job.generated for job in alone]
    assert max(engine.batches[-5:]) <= 2
    assert scheduler.is_alive


def test_out_of_memory_with_one_sequence_gives_it_up(tiny, start):
    scheduler = start(SmallEngine(tiny.model, most=0), max_batch=1)
    for job in jobs_of(PROMPTS[:4]):
        scheduler.submit([job])
        until(lambda job=job: job.finish == "failed")
        until(lambda: scheduler.running == [])
    assert scheduler.is_alive  # the next may fit


class FailingEngine(TransformersEngine):
    failures = 1

    def choose(self, logits, jobs):
        if self.failures:
            self.failures -= 1
            raise RuntimeError("device-side assert")
        super().choose(logits, jobs)


def test_a_failure_costs_its_batch_only(tiny, start, caplog):
    scheduler = start(FailingEngine(tiny.model), max_batch=2, batch_wait_seconds=0.1)
    lost, kept = jobs_of(PROMPTS[:2]), jobs_of(PROMPTS[2:4])
    scheduler.submit(lost)
    until(lambda: all(job.finish for job in lost))
    scheduler.submit(kept)
    until(lambda: all(job.finish for job in kept))
    assert [job.finish for job in lost] == ["failed", "failed"]
    assert "failed" not in [job.finish for job in kept]
    assert "device-side assert" in caplog.text
    assert scheduler.is_ready


def test_an_engine_that_always_fails_is_dead(tiny, start):
    engine = FailingEngine(tiny.model)
    engine.failures = 1000
    scheduler = start(engine, batch_wait_seconds=0)
    for job in jobs_of(PROMPTS[:3]):
        assert scheduler.is_alive
        scheduler.submit([job])
        until(lambda job=job: job.finish == "failed")
        until(lambda: scheduler.running == [])
    assert not scheduler.is_alive
    assert not scheduler.is_ready


def test_draining_finishes_what_was_taken(stepped, start):
    scheduler = start(stepped, max_batch=1)
    jobs = jobs_of(PROMPTS[:2])
    scheduler.submit(jobs)
    scheduler.drain()
    assert not scheduler.is_ready
    assert not scheduler.is_idle
    with pytest.raises(ApiError) as refused:
        scheduler.submit(jobs_of(PROMPTS[2:3]))
    assert (refused.value.status, refused.value.code) == (503, "shutting_down")
    stepped.run_freely()
    until(lambda: scheduler.is_idle)
    assert [job.finish for job in jobs] == ["length", "length"]


def test_stopping_gives_up_what_runs_and_waits(stepped, start):
    scheduler = start(stepped, max_batch=1)
    jobs = jobs_of(PROMPTS[:2])
    scheduler.submit(jobs)
    stepped.at_step.acquire()
    stopping = threading.Thread(target=scheduler.stop)
    stopping.start()
    until(lambda: all(job.finish == "cancelled" for job in jobs))
    stepped.run_freely()
    stopping.join(5)
    assert not scheduler.is_alive


def test_each_summary_is_counted_once(tiny, start):
    scheduler = start(TransformersEngine(tiny.model), max_batch=2)
    scheduler.submit(jobs_of(PROMPTS[:5], most=3))
    until(lambda: scheduler.is_idle and not scheduler.running)
    metrics = scheduler.metrics
    ended = [value(metrics.summaries.labels(finish)) for finish in ("length", "stop", "failed", "cancelled")]
    assert ended == [5, 0, 0, 0]
    assert value(metrics.generated_tokens) == 15
    assert value(metrics.prompt_tokens) == 28
    text = metrics.text().decode()
    assert "yoyak_waiting 0.0" in text
    assert "yoyak_wait_seconds_count 5.0" in text
