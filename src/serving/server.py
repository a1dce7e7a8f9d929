"""The process: its socket, its signals, its end."""

import contextlib
import errno
import ipaddress
import signal
import socket
from collections.abc import Iterator
from types import FrameType

import uvicorn

from ..errors import YoyakError
from .app import create_app
from .protocol import patient_protocol
from .service import Service

_KEEP_ALIVE_SECONDS = 30


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket: before a model is loaded for nothing.

    Raises:
        YoyakError: the address can't be had.
    """
    place = f"--host {host} --port {port}"
    if not 0 <= port <= 65535:
        raise YoyakError(f"--port {port}: must be 0 to 65535 (0 takes any that is free)")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise YoyakError(f"--host {host}: no such address; 127.0.0.1 is this machine alone") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)  # binding twice can succeed, listening can't
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise YoyakError(f"{place}: the port is in use; choose another with --port") from error
        raise YoyakError(f"{place}: {error.strerror or error}; choose another address or port") from error
    return listener


def is_local(listener: socket.socket) -> bool:
    """Tell whether only this machine can reach a socket."""
    return ipaddress.ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def url_of(listener: socket.socket) -> str:
    """Return the address of a socket as clients write it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
        http=patient_protocol(service.limits.head_seconds),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=5,
    )
    return _Server(config, service)


def run(service: Service, listener: socket.socket, host: str, api_key: str | None) -> None:
    """Serve until a signal comes.

    Raises:
        KeyboardInterrupt: it was Ctrl-C.
        SystemExit: 143, it was a second SIGTERM.
    """
    server = create_server(service, listener, host, api_key)
    with _working(service):
        server.run(sockets=[listener])
    if server.stopped_by == signal.SIGINT:
        raise KeyboardInterrupt
    if server.stopped_by is not None:
        raise SystemExit(128 + server.stopped_by)


@contextlib.contextmanager
def _working(service: Service) -> Iterator[None]:
    service.scheduler.start()
    try:
        yield
    finally:
        service.scheduler.stop()
