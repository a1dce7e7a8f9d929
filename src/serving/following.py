"""Waiting for jobs from the event loop: for their tokens, their end, the client's leaving, the time limit."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from functools import partial

from fastapi import Request
from starlette.requests import ClientDisconnect

from .errors import ApiError, generation_failed, shutting_down
from .jobs import GenerationJob
from .scheduler import Scheduler


class Followed:
    """Jobs of one request; as a context they are submitted on entry, and on exit given up if they are not finished."""

    def __init__(
        self, scheduler: Scheduler, jobs: Sequence[GenerationJob], timeout_seconds: float, each_token: bool = False
    ) -> None:
        """Let `jobs`, which nobody has been given yet, tell the running event loop of their end, or of each token."""
        self._scheduler, self.jobs, self._timeout_seconds = scheduler, jobs, timeout_seconds
        self._each_token = each_token
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + timeout_seconds
        self._progress = asyncio.Event()
        for job in jobs:
            job.notify = partial(self._notify, job)

    def _notify(self, job: GenerationJob) -> None:
        """Wake the event loop; called in the engine's thread."""
        if self._each_token or job.finish is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._progress.set)

    def submit(self) -> None:
        """Submit the jobs; ApiError where the queue has no room."""
        self._scheduler.submit(self.jobs)

    async def __aenter__(self) -> "Followed":
        self.submit()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.give_up()

    def give_up(self) -> None:
        """Give up the jobs that are not finished."""
        self._scheduler.cancel(self.jobs)

    async def started(self, request: Request) -> None:
        """Wait for a first token of any job, where `each_token` was asked for; raises as `finished` does."""
        await self._until(lambda: any(job.generated or job.finish for job in self.jobs), request)

    async def finished(self, request: Request) -> None:
        """Wait for the end of all jobs.

        Raises:
            ApiError: 504 after the time limit, 503 when the server stops, 500 when the engine failed.
            ClientDisconnect: the client has left.
        """
        await self._until(lambda: all(job.finish for job in self.jobs), request)

    async def _until(self, condition: Callable[[], bool], request: Request) -> None:
        leaving = asyncio.create_task(_until_left(request))
        try:
            async for _ in self.progress(leaving):
                if condition():
                    return
        finally:
            leaving.cancel()

    async def progress(self, leaving: "asyncio.Task[None] | None" = None) -> AsyncIterator[None]:
        """Yield now and whenever a job has come further, until all are finished; raises as `finished` does."""
        while True:
            self._progress.clear()
            ended = all(job.finish for job in self.jobs)  # before the yield, so that the end is always seen there
            self._raise_failures()
            yield
            if ended:
                return
            coming = asyncio.create_task(self._progress.wait())
            events = {coming, leaving} if leaving else {coming}
            try:
                await asyncio.wait(
                    events, timeout=self._deadline - self._loop.time(), return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                coming.cancel()
            if leaving and leaving.done():
                raise ClientDisconnect
            if self._loop.time() >= self._deadline and not all(job.finish for job in self.jobs):
                raise ApiError(504, f"no summary within {self._timeout_seconds:g} s", "timeout")

    def _raise_failures(self) -> None:
        finishes = {job.finish for job in self.jobs}
        if "failed" in finishes:
            raise generation_failed()
        if "cancelled" in finishes:  # not by this request, which still waits
            raise shutting_down()


async def _until_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
