"""The socket that is served: which addresses it takes, who can reach it, and how clients write it."""

import asyncio
import os
import signal
import socket
import threading
from contextlib import suppress
from types import SimpleNamespace

import httpx
import pytest

from src.errors import YoyakError
from src.serving.scheduler import Scheduler
from src.serving.server import create_server, run
from src.serving.sockets import is_local, listen, url_of
from src.tests.serving.conftest import until


def test_a_port_in_use_says_so():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(YoyakError) as refused:
            listen("127.0.0.1", port)
    assert str(refused.value) == f"--host 127.0.0.1 --port {port}: the port is in use; choose another with --port"


@pytest.mark.parametrize("port", [-1, 65536])
def test_there_are_65536_ports(port):
    with pytest.raises(YoyakError, match=rf"--port {port}: must be 0 to 65535"):
        listen("127.0.0.1", port)


def test_an_address_of_somebody_else():
    with pytest.raises(YoyakError, match=r"--host 192\.0\.2\.1 --port 0: Cannot assign.*; choose another address"):
        listen("192.0.2.1", 0)


@pytest.mark.parametrize(
    ("address", "local", "url"),
    [
        (("127.0.0.1", 80), True, "http://127.0.0.1:80"),
        (("127.8.9.1", 80), True, "http://127.8.9.1:80"),
        (("0.0.0.0", 8000), False, "http://0.0.0.0:8000"),
        (("10.0.0.1", 1), False, "http://10.0.0.1:1"),
        (("::1", 80, 0, 0), True, "http://[::1]:80"),
        (("fe80::1%eth0", 80, 0, 2), False, "http://[fe80::1%eth0]:80"),
    ],
)
def test_who_reaches_an_address_and_how_it_is_written(address, local, url):
    bound = SimpleNamespace(getsockname=lambda: address)
    assert is_local(bound) is local
    assert url_of(bound) == url


def test_a_free_port_is_taken_where_none_is_named():
    with listen("localhost", 0) as listener:
        assert is_local(listener)
        with socket.create_connection(listener.getsockname()[:2], timeout=5):
            pass


@pytest.mark.parametrize(
    ("host", "api_key", "hears"), [("127.0.0.1", None, 0), ("127.0.0.1", "k" * 20, 1), ("0.0.0.0", None, 1)]
)
def test_which_servers_ask_for_a_local_name(tiny, host, api_key, hears):
    """Without a key a local server hears local names only; whoever opened an address takes any."""

    async def statuses(app):
        found = []
        for name in ("evil.example", "127.0.0.1"):
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=f"http://{name}") as client:
                found.append((await client.get("/healthz")).status_code)
        return found

    with listen(host, 0) as listener:
        foreign, local = asyncio.run(statuses(create_server(tiny.service(), listener, host, api_key).config.app))
    assert (foreign == local) == bool(hears)


@pytest.fixture
def signalled():
    """Run a server here, where signals arrive, and call `meanwhile(url)` in a thread as soon as it answers."""

    def go(service, meanwhile):
        errors = []

        def work(url):
            try:
                until(lambda: httpx.get(f"{url}/healthz", timeout=5).status_code == 200)
                meanwhile(url)
            except BaseException as error:
                errors.append(error)
                os.kill(os.getpid(), signal.SIGINT)

        with listen("127.0.0.1", 0) as listener:
            thread = threading.Thread(target=work, args=(url_of(listener),))
            thread.start()
            try:
                run(service, listener, "127.0.0.1", None)
            finally:
                thread.join(30)
                if errors:
                    raise errors[0]

    return go


def send(number):
    os.kill(os.getpid(), number)


def test_ctrl_c_ends_a_server_as_ctrl_c(tiny, signalled):
    with pytest.raises(KeyboardInterrupt):
        signalled(tiny.service(), lambda url: send(signal.SIGINT))


def test_sigterm_ends_an_idle_server_in_peace(tiny, signalled):
    signalled(tiny.service(), lambda url: send(signal.SIGTERM))


def test_sigterm_lets_work_end_and_takes_no_more(tiny, stepped, signalled):
    answers = []

    def meanwhile(url):
        def ask():
            answers.append(httpx.post(f"{url}/v1/summaries", json={"dialogue": "A: a"}, timeout=30).status_code)

        client = threading.Thread(target=ask)
        client.start()
        stepped.at_step.acquire()
        send(signal.SIGTERM)
        refused = {"json": {"dialogue": "B: b"}, "timeout": 30}
        until(lambda: httpx.get(f"{url}/readyz", timeout=5).status_code == 503)
        assert httpx.post(f"{url}/v1/summaries", **refused).status_code == 503
        assert answers == []
        stepped.run_freely()
        client.join(30)
        assert answers == [200]

    signalled(tiny.service(stepped, batch_wait_seconds=0), meanwhile)


def test_a_second_sigterm_ends_a_server_at_its_work(tiny, stepped, signalled):
    def meanwhile(url):
        def ask():
            with suppress(httpx.HTTPError):
                httpx.post(f"{url}/v1/summaries", json={"dialogue": "A: a"}, timeout=30)

        threading.Thread(target=ask).start()
        stepped.at_step.acquire()
        send(signal.SIGTERM)
        until(lambda: httpx.get(f"{url}/readyz", timeout=5).status_code == 503)
        stepped.run_freely()
        send(signal.SIGTERM)

    with pytest.raises(SystemExit) as ended:
        signalled(tiny.service(stepped, batch_wait_seconds=0), meanwhile)
    assert ended.value.code == 143


def test_a_step_that_outlasts_ctrl_c_is_left_at_once(tiny, stepped, signalled, monkeypatch):
    """The interpreter's end would crash a thread that is still inside torch."""

    def meanwhile(url):
        def ask():
            with suppress(httpx.HTTPError):
                httpx.post(f"{url}/v1/summaries", json={"dialogue": "A: a"}, timeout=30)

        threading.Thread(target=ask).start()
        stepped.at_step.acquire()
        send(signal.SIGINT)

    class Left(Exception):
        pass

    def leave(code):
        stepped.run_freely()
        raise Left(code)

    monkeypatch.setattr(Scheduler.stop, "__defaults__", (0.2,))
    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(Left, match="130"):
        signalled(tiny.service(stepped, batch_wait_seconds=0), meanwhile)
