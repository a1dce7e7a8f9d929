"""A client of an ASGI application in the thread of its test.

Starlette's passes each part of a request and of its answer between two threads, which takes several times what the
application does with them. Here an answer is whole before the test goes on, and what the application starts beside it
runs only while it answers: a stream that never ends needs Starlette's.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx


class Parts(httpx.AsyncByteStream):
    """A body that a test makes piece by piece."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part


class DirectTransport(httpx.BaseTransport):
    """Awaits an application on an event loop that lives as long as the client; what it raises reaches the test."""

    def __init__(self, app: Any) -> None:
        self._transport, self._runner = httpx.ASGITransport(app, client=("testclient", 50000)), asyncio.Runner()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._runner.get_loop().run_until_complete(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        if not isinstance(request.stream, httpx.AsyncByteStream):
            request.stream = Parts(request.stream)
        answer = await self._transport.handle_async_request(request)
        assert isinstance(answer.stream, httpx.AsyncByteStream)
        body = b"".join([part async for part in answer.stream])
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(body))

    def close(self) -> None:
        self._runner.close()


def direct_client(app: Any, base_url: str) -> httpx.Client:
    """Return a client of an application that follows no redirect; use it in `with`."""
    return httpx.Client(transport=DirectTransport(app), base_url=base_url)
