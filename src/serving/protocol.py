"""HTTP on one connection, which has to say what it wants in time, and of which there are not too many."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from .errors import ApiError


def patient_protocol(head_seconds: float, most_connections: int) -> type[H11Protocol]:
    """Return uvicorn's protocol with limits on connections and on the time to a request's whole head.

    Uvicorn itself waits for ever: a byte now and then on thousands of connections takes all of a server's files. Where
    there are `most_connections`, a new one takes the place of the one that has waited longest without a request; where
    all are being answered, it is told so (503) and closed.
    """
    waiting: dict[Any, None] = {}  # connections without a request, the longest first

    class Protocol(H11Protocol):
        _head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > most_connections:
                if not waiting:
                    message, again = "the server has too many connections; try again", {"Retry-After": "5"}
                    self._refuse(ApiError(503, message, "too_many_connections", headers=again))
                    return
                next(iter(waiting))._give_up()
            self._wait_for_head()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if not self.transport.is_closing() and not self._is_answering():  # the next one may be here already
                self._wait_for_head()

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing():
                return
            if self._head_timer is None:
                self._wait_for_head()
            super().data_received(data)
            if self._is_answering():  # the head is whole
                self._stop_waiting()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            """Refuse what is no HTTP in the form of all refusals."""
            self._refuse(ApiError(400, "this is no valid HTTP request", "invalid_http"))

        def _refuse(self, error: ApiError) -> None:
            body = error.encoded()
            headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
            head = h11.Response(status_code=error.status, headers=list({**headers, **error.headers}.items()))
            try:
                for event in (head, h11.Data(data=body), h11.EndOfMessage()):
                    self.transport.write(self.conn.send(event) or b"")
            except h11.LocalProtocolError:  # an answer has begun
                pass
            self.transport.close()

        def _is_answering(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _wait_for_head(self) -> None:
            self._stop_waiting()
            self._head_timer = self.loop.call_later(head_seconds, self._give_up)
            waiting[self] = None

        def _stop_waiting(self) -> None:
            waiting.pop(self, None)
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

        def _give_up(self) -> None:
            self._stop_waiting()
            self.transport.abort()  # also where the last answer was not read: closing would wait for that

    return Protocol
