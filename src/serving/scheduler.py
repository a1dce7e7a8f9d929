"""Who is in the batch: a queue in front of an engine that runs in its own thread."""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Sequence

from .batch_limit import BatchLimit
from .engine import Engine, OutOfMemoryError
from .errors import queue_full, shutting_down
from .jobs import Finish, GenerationJob
from .limits import RequestLimits
from .metrics import Metrics

_ADMITTED_PROMPT_TOKENS = 2048
"""Of prompts that join between two steps: those who are in the batch already wait while prompts are read."""

MAX_FAILURES_IN_A_ROW = 3
"""A GPU whose driver has failed fails each batch from then on."""


class Scheduler:
    """Hands waiting jobs to an engine, first come first served; `running` are those in the engine's batch."""

    def __init__(
        self,
        engine: Engine,
        limits: RequestLimits,
        metrics: Metrics | None = None,
        logger: logging.Logger | None = None,
    ) -> None:
        """Keep what is given; `start` starts the engine's thread."""
        self.metrics = metrics or Metrics()
        self._engine, self._limits = engine, limits
        self._logger = logger or logging.getLogger("yoyak.serving")
        self.waiting: deque[GenerationJob] = deque()
        self.running: list[GenerationJob] = []
        self._changed = threading.Condition()
        self._draining = self._stopped = False
        self._limit = BatchLimit(limits.max_batch)
        self._mean_seconds = 1.0
        self._failures_in_a_row = 0
        self._thread = threading.Thread(target=self._work, name="yoyak-engine", daemon=True)
        self.metrics.waiting.set_function(lambda: len(self.waiting))
        self.metrics.running.set_function(lambda: len(self.running))

    def start(self) -> None:
        """Start the engine's thread."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Tell whether the engine works; False calls for a restart."""
        return self._thread.is_alive() and self._failures_in_a_row < MAX_FAILURES_IN_A_ROW

    @property
    def is_ready(self) -> bool:
        """Tell whether jobs are taken."""
        return self.is_alive and not self._draining

    @property
    def is_idle(self) -> bool:
        """Tell whether no job waits or runs."""
        with self._changed:
            return not self.waiting and not any(job.finish is None for job in self.running)

    def check_room(self, count: int) -> None:
        """Raise ApiError where `submit` of so many jobs would: 429 when the queue is full, 503 when draining."""
        with self._changed:
            if self._draining:
                raise shutting_down()
            # Whoever finds a free place in the batch does not wait.
            most = self._limit.allowed()
            places = most - len(self.running)
            if len(self.waiting) + count > self._limits.max_queue + places:
                # About how long it takes until what waits now has a place.
                seconds = self._mean_seconds * (1 + len(self.waiting) / most)
                raise queue_full(min(60, math.ceil(seconds)))

    def submit(self, jobs: Sequence[GenerationJob]) -> None:
        """Put jobs into the queue, all or none; raises as `check_room` does."""
        with self._changed:
            self.check_room(len(jobs))
            self.waiting.extend(jobs)
            self._changed.notify_all()
        self.metrics.prompt_tokens.inc(sum(len(job.prompt) for job in jobs))

    def cancel(self, jobs: Sequence[GenerationJob]) -> None:
        """Give up jobs that are not finished: waiting ones leave the queue, running ones the batch at its next step."""
        with self._changed:
            for job in jobs:
                if job in self.waiting:
                    self.waiting.remove(job)
                self._end(job, "cancelled")

    def drain(self) -> None:
        """Take no more jobs; those that wait or run go on."""
        with self._changed:
            self._draining = True

    def stop(self, seconds: float = 10.0) -> bool:
        """Give up all jobs and wait for the engine's thread, at most `seconds`; tell whether it has ended."""
        self.drain()
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self.cancel([*self.waiting, *self.running])
        if self._thread.is_alive():
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _end(self, job: GenerationJob, how: Finish) -> None:
        if job.end(how):
            self._count(job)

    def _count(self, job: GenerationJob) -> None:
        self.metrics.summaries.labels(job.finish).inc()
        self.metrics.generated_tokens.inc(len(job.generated))
        if job.finish in ("stop", "length") and job.started_at is not None and job.finished_at is not None:
            self._mean_seconds += 0.1 * (job.finished_at - job.started_at - self._mean_seconds)

    def _work(self) -> None:
        while self._wait_for_jobs():
            try:
                self._engine.generate(self.admit)
                self._failures_in_a_row = 0
            except OutOfMemoryError:
                self._make_batch_smaller()
            except Exception:
                self._logger.exception("the engine failed; the requests in its batch were given up")
                self._failures_in_a_row += 1
                self._give_up()
            with self._changed:
                self._clear_finished()

    def _wait_for_jobs(self) -> bool:
        """Wait for a first job, then a moment for others to share its batch; False where the server stops."""
        with self._changed:
            self._changed.wait_for(lambda: self.waiting or self._stopped)
            if self._stopped:
                return False
            until = self.waiting[0].submitted_at + self._limits.batch_wait_seconds
            self._changed.wait_for(
                lambda: self._stopped or len(self.waiting) >= self._limit.allowed(),
                timeout=max(0.0, until - time.monotonic()),
            )
            return not self._stopped

    def admit(self) -> list[GenerationJob]:
        """Return the jobs that join the batch now; called by the engine between steps."""
        with self._changed:
            self._clear_finished()
            joining: list[GenerationJob] = []
            tokens = 0
            while self.waiting and not self._stopped and self._fits(self.waiting[0]):
                tokens += len(self.waiting[0].ids)
                if joining and tokens > _ADMITTED_PROMPT_TOKENS:
                    break
                job = self.waiting.popleft()
                if job.started_at is None:
                    job.started_at = time.monotonic()
                    self.metrics.wait_seconds.observe(job.started_at - job.submitted_at)
                joining.append(job)
                self.running.append(job)
            if self.running:
                self.metrics.batch_size.observe(len(self.running))
            return joining

    def _fits(self, job: GenerationJob) -> bool:
        """Tell whether a job finds a place beside those that run; one alone always does."""
        together = [*self.running, job]
        width = max(len(one.prompt) + one.max_new_tokens for one in together)
        most_tokens, rows = self._limits.batch_tokens, self._limits.rows_that_fit
        in_memory = most_tokens is None or len(together) * width <= most_tokens
        in_memory = in_memory and (rows is None or len(together) <= rows(width))
        return len(together) == 1 or (len(together) <= self._limit.allowed() and in_memory)

    def _clear_finished(self) -> None:
        for job in self.running:
            if job.finish in ("stop", "length"):  # the others were counted when they were given up
                self._count(job)
        self.running = [job for job in self.running if job.finish is None]

    def _make_batch_smaller(self) -> None:
        """Put the unfinished jobs back to the front of the queue, to go on in batches of half the size."""
        with self._changed:
            self._clear_finished()
            if len(self.running) <= 1:
                self._logger.error("out of memory on a single request, which was given up")
                self._give_up()
                return
            self._limit.lower(len(self.running))
            self._logger.warning("out of memory: %d at a time at most for now", self._limit.allowed())
            self.waiting.extendleft(reversed(self.running))
            self.running = []

    def _give_up(self) -> None:
        self.metrics.failures.inc()
        with self._changed:
            for job in self.running:
                self._end(job, "failed")
