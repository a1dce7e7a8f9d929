"""Refusals in the form that OpenAI's clients read."""

import json
from collections.abc import Mapping
from typing import Any

_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error", 504: "timeout_error"}


class ApiError(Exception):
    """A request that is refused: status code, one sentence, and where in the request the reason lies."""

    def __init__(
        self, status: int, message: str, code: str, param: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Keep the parts of the answer; `code` is a short name for programs."""
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return `{"error": {...}}`."""
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def encoded(self) -> bytes:
        """Return the body as JSON, in ASCII: it can always be sent."""
        return json.dumps(self.body()).encode()


def queue_full(retry_after_seconds: int) -> ApiError:
    """Return the refusal of a request that finds no room in the queue."""
    message, headers = (
        f"the server is busy; try again in {retry_after_seconds} s",
        {"Retry-After": str(retry_after_seconds)},
    )
    return ApiError(429, message, "queue_full", headers=headers)


def shutting_down() -> ApiError:
    """Return the refusal of a server that finishes its work before it stops."""
    return ApiError(503, "the server is shutting down", "shutting_down", headers={"Retry-After": "5"})


def generation_failed() -> ApiError:
    """Return what a client hears of a fault of the engine; the server's log has the rest."""
    return ApiError(500, "the model failed on this request", "generation_failed")
