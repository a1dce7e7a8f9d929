"""HTTP on one connection, which has to say what it wants in time."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


def patient_protocol(head_seconds: float) -> type[H11Protocol]:
    """Return uvicorn's protocol with a limit on the time from a connection to its request's whole head.

    Uvicorn itself waits for ever: a byte now and then on thousands of connections takes all of a server's files.
    """

    class Protocol(H11Protocol):
        _head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait_for_head()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if not self.transport.is_closing() and not self._is_answering():  # the next one may be here already
                self._wait_for_head()

        def data_received(self, data: bytes) -> None:
            if self._head_timer is None:
                self._wait_for_head()
            super().data_received(data)
            if self._is_answering():  # the head is whole
                self._stop_waiting()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def _is_answering(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _wait_for_head(self) -> None:
            self._stop_waiting()
            self._head_timer = self.loop.call_later(head_seconds, self._give_up)

        def _stop_waiting(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

        def _give_up(self) -> None:
            if not self.transport.is_closing():
                self.transport.close()

    return Protocol
