"""The process: its socket, its signals, its end."""

import asyncio
import errno
import logging
import math
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn

from .app import create_app
from .protocol import patient_protocol
from .service import Service
from .sockets import ACCEPTED_AT_A_TIME, QUEUED, is_local, most_connections

_KEEP_ALIVE_SECONDS = 30
_COMPLAINT_SECONDS = 60.0


class _Server(uvicorn.Server):
    """SIGTERM finishes what was accepted, refusing new requests with 503 meanwhile; Ctrl-C stops at once.

    So does a second SIGTERM. `stopped_by` is the signal that did not let the work be finished.
    """

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service, self._draining = service, False
        self.stopped_by: int | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Only set flags: a signal can come while the main thread holds the scheduler's lock."""
        if sig == signal.SIGTERM and not self._draining:
            self._draining = True
        else:
            self.stopped_by, self.should_exit = sig, True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept, a few at a time."""
        asyncio.get_running_loop().set_exception_handler(_quiet_about_files())
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(QUEUED)  # asyncio takes one figure for the system's queue and for itself

    async def on_tick(self, counter: int) -> bool:
        """Look after the flags, every 0.1 s."""
        scheduler = self._service.scheduler
        if self.should_exit:
            scheduler.stop(seconds=0)  # requests that wait get their 503
        elif self._draining:
            scheduler.drain()
            self.should_exit = scheduler.is_idle
        return await super().on_tick(counter)


def create_server(service: Service, listener: socket.socket, host: str, api_key: str | None) -> _Server:
    """Return the server of a bound socket; `run` runs it."""
    # Whoever chose an open address without a key takes requests under any name.
    hosts = [host] if api_key is None and is_local(listener) else None
    config = uvicorn.Config(
        create_app(service, api_key, hosts),
        http=patient_protocol(service.limits.head_seconds, most_connections(service.limits.connections)),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",  # its warnings are about what strangers send
        backlog=ACCEPTED_AT_A_TIME,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=5,
    )
    return _Server(config, service)


def _quiet_about_files() -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """Return a handler of asyncio's faults that says once a minute, in one line, that a connection has to wait.

    Asyncio itself logs a traceback for each try to accept one.
    """
    said = -math.inf

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal said
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in (errno.EMFILE, errno.ENFILE):
            loop.default_exception_handler(context)
        elif time.monotonic() - said > _COMPLAINT_SECONDS:
            said = time.monotonic()
            logging.getLogger("yoyak.serving").warning("no file is left for a connection; raise ulimit -n")

    return handle


def run(service: Service, listener: socket.socket, host: str, api_key: str | None) -> None:
    """Serve until a signal comes.

    Raises:
        KeyboardInterrupt: it was Ctrl-C.
        SystemExit: 143, it was a second SIGTERM.
    """
    server = create_server(service, listener, host, api_key)
    service.scheduler.start()
    try:
        server.run(sockets=[listener])
    finally:
        ended = service.scheduler.stop()
    if not ended:  # a long step: the interpreter's end would crash a thread that is inside torch
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(128 + (server.stopped_by or signal.SIGTERM))
    if server.stopped_by == signal.SIGINT:
        raise KeyboardInterrupt
    if server.stopped_by is not None:
        raise SystemExit(128 + server.stopped_by)
