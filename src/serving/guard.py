"""What every request passes first: the key, the host it names, and a watch over how it ends."""

import hashlib
import hmac
import logging
import time
from collections.abc import Iterable

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import ApiError, generation_failed
from .hosts import names_this_machine
from .metrics import Metrics

_OPEN_PATHS = ("/healthz", "/readyz")
_CLIENT_LEFT = 499


class Guard:
    """An ASGI application around another: refuses strangers, counts requests, turns faults into OpenAI's error form.

    Without a key the `Host` header must name this machine: otherwise a page of another site, whose name was made to
    point to 127.0.0.1 (DNS rebinding), could read dialogues and summaries through the user's browser.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        api_key: str | None = None,
        hosts: Iterable[str] | None = None,
        metrics: Metrics | None = None,
        logger: logging.Logger | None = None,
    ) -> None:
        """Wrap `app`; `metrics` counts requests, `logger` is told of faults.

        `api_key` is expected as `Authorization: Bearer KEY` on all paths but those of health checks; None takes all.
        `hosts` are names besides local ones that `Host` may have where there is no key; None takes all.
        """
        self._app = app
        self._key_digest = None if api_key is None else _digest(api_key.encode())
        self._hosts = None if hosts is None or api_key is not None else {host.lower() for host in hosts}
        self._metrics = metrics or Metrics()
        self._logger = logger or logging.getLogger("yoyak.serving")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        status = 0

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            refusal = self._refusal(scope)
            if refusal is not None:
                await _send_error(refusal, watched_send)
            else:
                await self._app(scope, receive, watched_send)
        except ClientDisconnect:
            status = _CLIENT_LEFT
        except Exception:
            self._logger.exception("a request failed")
            if not status:
                await _send_error(generation_failed(), watched_send)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, str(status or _CLIENT_LEFT)).inc()
            self._metrics.request_seconds.labels(route).observe(time.monotonic() - started)

    def _refusal(self, scope: Scope) -> ApiError | None:
        headers = dict(scope["headers"])
        if self._hosts is not None and not names_this_machine(headers.get(b"host", b""), self._hosts):
            return ApiError(403, "this server answers to local names only; start it with an API key", "unknown_host")
        if self._key_digest is None or scope["path"] in _OPEN_PATHS:
            return None
        scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
        # Digests have one length: the comparison takes the same time whatever was sent.
        is_known = hmac.compare_digest(_digest(key.strip()), self._key_digest)
        if is_known and scheme.lower() == b"bearer":
            return None
        message = "no valid API key; send it as the header Authorization: Bearer KEY"
        return ApiError(401, message, "invalid_api_key", headers={"WWW-Authenticate": "Bearer"})


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


async def _send_error(error: ApiError, send: Send) -> None:
    body = error.encoded()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **error.headers}
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
