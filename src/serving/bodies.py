"""Reading a request's body: bounded in bytes and time, valid JSON of the expected form."""

import asyncio
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from .errors import ApiError
from .limits import RequestLimits
from .schemas import sentence_of

Body = TypeVar("Body", bound=BaseModel)
_READ_AWAY_BYTES = 16 << 20
"""Of a body that is too large: a client that may finish sending reads the answer, one that is cut off does not."""


async def read_json(request: Request, model: type[Body], limits: RequestLimits) -> Body:
    """Return the body of a request as `model`.

    Raises:
        ApiError: 415 (not declared as JSON), 413 (too large), 408 (too slow), 400 (no JSON), 422 (another form).
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":  # also what keeps other sites' pages from posting to a local server
        raise ApiError(415, "send JSON, with the header Content-Type: application/json", "unsupported_media_type")
    try:
        async with asyncio.timeout(limits.body_seconds):
            body = await read_body(request, limits.body_bytes)
    except TimeoutError as error:
        message = f"the body did not arrive within {limits.body_seconds:g} s"
        raise ApiError(408, message, "body_timeout", headers={"Connection": "close"}) from error
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        message, param = sentence_of(errors, list(model.model_fields))
        if errors[0]["type"] == "json_invalid":
            raise ApiError(400, f"the body is not JSON: {message[:200]}", "invalid_json") from error
        raise ApiError(422, message[:300], "invalid_request", param) from error


async def read_body(request: Request, most: int) -> bytes:
    """Return a request's body; ApiError (413) where it is longer than `most` bytes."""
    declared = request.headers.get("content-length", "0")
    chunks, size = [], 0
    too_large = ApiError(
        413, f"the body is larger than {most} bytes", "body_too_large", headers={"Connection": "close"}
    )
    if not declared.isdecimal() or int(declared[:20]) > _READ_AWAY_BYTES:
        raise too_large
    async for chunk in request.stream():
        size += len(chunk)
        if size > _READ_AWAY_BYTES:
            break
        if size <= most:
            chunks.append(chunk)
        else:
            chunks.clear()
    if size > most:
        raise too_large
    return b"".join(chunks)
