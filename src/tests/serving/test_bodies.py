"""How much of a request's body is read: Starlette's own request, fed chunk by chunk."""

import asyncio

import pytest
from starlette.requests import Request

from src.serving.bodies import read_body
from src.serving.errors import ApiError


def read(chunks, most, length=None):
    """Return the body, or the status that refuses it, and how many chunks were taken."""
    taken = []

    async def receive():
        taken.append(1)
        body = next(chunks, b"")
        return {"type": "http.request", "body": body, "more_body": bool(body)}

    headers = [] if length is None else [(b"content-length", length.encode())]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    try:
        return asyncio.run(read_body(request, most)), len(taken)
    except ApiError as error:
        return error.status, len(taken)


def test_a_body_of_the_limit_is_read_and_one_byte_more_is_not():
    assert read(iter([b"12345", b"67890"]), 10, "10") == (b"1234567890", 3)
    assert read(iter([b"12345", b"678901"]), 10, "11") == (413, 3)  # read to its end, so that the client hears of it


def test_an_endless_body_is_left_after_16_mib():
    megabytes = (b"x" * (1 << 20) for _ in range(1000))
    assert read(megabytes, 10) == (413, 17)


@pytest.mark.parametrize("length", ["-5", "1e3", "x", "", " 12", "16777217", "9" * 100])
def test_what_declares_no_length_to_go_by_is_not_read(length):
    assert read(iter([b"{}"]), 10, length) == (413, 0)


def test_a_large_declared_length_is_read_away():
    assert read(iter([b"x" * 11]), 10, "16777216") == (413, 2)
