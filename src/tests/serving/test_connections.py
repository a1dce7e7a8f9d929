"""Too many connections, and bytes that are no HTTP: refused quietly, and whoever asks is answered."""

import contextlib
import json
import os
import resource
import socket
import threading

import httpx
import pytest

from src.errors import YoyakError
from src.tests.commands.conftest import folder  # noqa: F401


@pytest.fixture
def start(tiny):
    """Start a server in a thread with the settings of `yoyak serve` and some limits; return its address."""
    from src.serving.server import create_server
    from src.serving.sockets import listen

    with contextlib.ExitStack() as stack:

        def started(engine=None, **limits):
            service = tiny.service(engine, **limits)
            listener = stack.enter_context(listen("127.0.0.1", 0))
            server = create_server(service, listener, "127.0.0.1", None)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            service.scheduler.start()
            thread.start()
            stack.callback(service.scheduler.stop)
            stack.callback(thread.join, 10)
            stack.callback(setattr, server, "should_exit", True)
            return listener.getsockname()[:2]

        yield started


def all_of(connection):
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            received += part
    return received


def open_ones(stack, address, count):
    return [stack.enter_context(socket.create_connection(address, timeout=5)) for _ in range(count)]


def is_healthy(connection):
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    received = b""
    while not received.endswith(b"}"):
        received += connection.recv(1000)
    return received.startswith(b"HTTP/1.1 200")


def test_a_new_connection_takes_the_place_of_the_one_that_waited_longest(start):
    address = start(connections=5)
    with contextlib.ExitStack() as stack:
        idle = open_ones(stack, address, 5)
        assert all(map(is_healthy, (*idle[1:], idle[0])))  # each waits anew from here on, the first one last of all
        newest = open_ones(stack, address, 2)
        assert [all_of(idle[1]), all_of(idle[2])] == [b"", b""]
        assert all(map(is_healthy, (idle[0], idle[3], idle[4], *newest)))


def test_where_all_are_being_answered_one_more_is_told_so(start):
    address = start(connections=2)
    body = b'{"dialogue": "A: a"}'
    head = (
        b"POST /v1/summaries HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body)
    )
    with contextlib.ExitStack() as stack:
        busy = open_ones(stack, address, 2)
        for connection in busy:
            connection.sendall(head)
            assert connection.recv(100).startswith(b"HTTP/1.1 100")
        status, _, content = all_of(open_ones(stack, address, 1)[0]).partition(b"\r\n\r\n")
        assert status.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 5" in status.lower()
        assert json.loads(content)["error"]["code"] == "too_many_connections"
        for connection in busy:
            connection.sendall(body)
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert httpx.get(f"http://127.0.0.1:{address[1]}/healthz").status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /healthz\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET /" + b"a" * 100_000,
    ],
    ids=["TLS", "no version", "no host", "a negative length", "a long line"],
)
def test_what_is_no_http_is_refused_as_all_else_is(start, caplog, sent):
    with socket.create_connection(start(), timeout=5) as connection:
        connection.sendall(sent)
        head, _, body = all_of(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/json" in head.lower()
    assert json.loads(body) == {
        "error": {
            "message": "this is no valid HTTP request",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_http",
        }
    }
    assert caplog.text == ""


def test_a_limit_on_files_that_leaves_no_room(monkeypatch):
    from src.serving.sockets import most_connections

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(os, "listdir", lambda _: ["0"] * 100)
    assert [most_connections(1000), most_connections(500)] == [1024 - 100 - 128, 500]
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert most_connections(1000) == 1000
    monkeypatch.setattr(resource, "getrlimit", lambda _: (240, 4096))
    with pytest.raises(YoyakError, match=r"a limit of 240 open files leaves no room .* ulimit -n 244"):
        most_connections(1000)
