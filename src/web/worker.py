"""A process for what takes much memory or holds the interpreter: it goes away when it has had nothing to do."""

import asyncio
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import TypeVar

from ..bilingual import Text
from .place import PageError

T = TypeVar("T")
_IDLE_SECONDS = 60.0
_KILLED = Text(
    "The process that worked this out was killed, perhaps because the memory was full. Try again.",
    "이 일을 하던 프로세스가 강제로 끝났습니다. 메모리가 모자랐을 수 있습니다. 다시 시도해 주세요.",
)


def end_with_parent() -> None:
    """End this process when the one that started it is gone, however: it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (wait([parent.sentinel]), os._exit(0)), daemon=True).start()


class Worker:
    """One process beside the studio's, made when it is needed."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._busy = 0
        self._timer: asyncio.TimerHandle | None = None

    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Return what a module's function returns; its arguments and result are pickled.

        Raises:
            PageError: 503, the process was killed meanwhile.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        self._busy += 1
        try:
            try:
                found = loop.run_in_executor(self._process(), function, *arguments)
            except BrokenProcessPool:  # it was killed while it had nothing to do
                self._pool = None
                found = loop.run_in_executor(self._process(), function, *arguments)
            return await found
        except BrokenProcessPool:
            self._pool = None
            raise PageError(503, _KILLED) from None
        finally:
            self._busy -= 1
            if not self._busy:
                self._timer = loop.call_later(_IDLE_SECONDS, self.close)

    def _process(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), end_with_parent)
        return self._pool

    def close(self) -> None:
        """Let the process go."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)


WORKER = Worker()
