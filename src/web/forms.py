"""What a form sends, bounded in size, time and number of fields."""

import asyncio
from urllib.parse import parse_qsl

from fastapi import Request

from ..bilingual import Text
from ..serving.bodies import read_body
from ..serving.errors import ApiError
from ..serving.limits import RequestLimits
from .place import PageError

LIMITS = RequestLimits(connections=200)
_MOST_FIELDS = 1000
_FORM = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> list[tuple[str, str]]:
    """Return the fields of a posted form, in order.

    Raises:
        PageError: 415, 413, 408 or 400, it is no form, too large, too slow, or not UTF-8.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise PageError(415, Text("This is no form of the studio.", "스튜디오의 양식이 아닙니다."))
    return fields_of(await read_bounded(request))


async def read_bounded(request: Request) -> bytes:
    """Return a request's body.

    Raises:
        PageError: 413 or 408, it is too large or too slow.
    """
    try:
        async with asyncio.timeout(LIMITS.body_seconds):
            return await read_body(request, LIMITS.body_bytes)
    except TimeoutError:
        raise PageError(408, Text("The form did not arrive in time.", "양식이 제때 도착하지 않았습니다.")) from None
    except ApiError as error:
        raise PageError(error.status, Text("The form is too large.", "양식이 너무 큽니다.")) from None


def fields_of(encoded: bytes) -> list[tuple[str, str]]:
    """Return the fields of a query or a form; PageError (400) where it can't be read."""
    try:
        return parse_qsl(
            encoded.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=_MOST_FIELDS,
            errors="strict",
            encoding="utf-8",
        )
    except ValueError:
        raise PageError(400, Text("The fields can't be read.", "입력한 값을 읽을 수 없습니다.")) from None
