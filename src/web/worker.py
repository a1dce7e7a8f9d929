"""A process for what takes much memory or holds the interpreter: it goes away when it has had nothing to do."""

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

T = TypeVar("T")
_IDLE_SECONDS = 60.0


class Worker:
    """One process beside the studio's, made when it is needed."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._busy = 0
        self._timer: asyncio.TimerHandle | None = None

    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Return what a module's function returns; its arguments and result are pickled."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        loop = asyncio.get_running_loop()
        self._busy += 1
        try:
            return await loop.run_in_executor(self._pool, function, *arguments)
        except BrokenProcessPool:
            self._pool = None
            raise
        finally:
            self._busy -= 1
            if not self._busy:
                self._timer = loop.call_later(_IDLE_SECONDS, self.close)

    def close(self) -> None:
        """Let the process go."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)


WORKER = Worker()
