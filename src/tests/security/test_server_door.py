"""The server's door under random requests: without the key nothing is answered, and no answer tells of our insides."""

import contextlib
import platform
import re
import socket
import string
import threading
from importlib.metadata import version

import httpx
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from src import __version__
from src.serving.app import create_app
from src.tests.serving.conftest import RecordingEngine, serve, tiny  # noqa: F401

KEY = "correct-horse-battery-staple"
SECRET_WORDS = ("Traceback", "site-packages", "/src/", ".py", "pydantic", "uvicorn", "starlette", "fastapi", "h11", KEY)
VERSIONS = {platform.python_version(), *(version(name) for name in ("uvicorn", "fastapi", "torch", "transformers"))}
OPEN = {"/healthz", "/readyz"}
PATHS = ["/v1/chat/completions", "/v1/summaries", "/v1/models", "/v1/models/tiny", "/metrics", "/docs", "/", "/healthz"]

printable = st.text(string.ascii_letters + string.digits + "-_.~%/:;=+", max_size=30)
# Whole addresses: a client takes a path such as `//::` alone for a host.
urls = (st.sampled_from(PATHS) | printable.map(lambda text: "/" + text)).map(lambda path: f"http://testserver{path}")
keys = st.sampled_from(
    [
        "",
        "Bearer",
        "Bearer ",
        f"Basic {KEY}",
        KEY,
        f"Bearer {KEY[:-1]}",
        f"Bearer {KEY}x",
        f"Bearer {KEY.upper()}",
        "Bearer *",
    ]
) | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
bodies = st.binary(max_size=300) | st.just(b'{"dialogue": "A: a"}')
methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "BREW"])
fuzz = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def locked(tiny):  # noqa: F811
    """A client of a server with a key, and the engine, which must stay idle."""
    engine = RecordingEngine(tiny.model)
    service = tiny.service(engine, batch_wait_seconds=0, body_bytes=10_000)
    service.scheduler.start()
    with TestClient(create_app(service, api_key=KEY)) as client:
        yield client, engine
    service.scheduler.stop()


def tells_nothing(answer) -> None:
    """Fail where an answer, headers included, has a path of ours, a traceback, a version or the name of a program."""
    said = answer.text + " ".join(f"{name}: {value}" for name, value in answer.headers.items())
    assert not [word for word in (*SECRET_WORDS, *VERSIONS, f"yoyak {__version__}") if word.lower() in said.lower()]
    assert "server" not in answer.headers


@fuzz
@example(method="GET", url="http://testserver//::", key="", body=b"")
@example(method="GET", url="http://testserver//healthz", key="", body=b"")
@given(method=methods, url=urls, key=keys, body=bodies)
def test_without_the_key_all_is_refused(locked, method, url, key, body):
    client, engine = locked
    headers = {"Authorization": key, "Content-Type": "application/json"}
    answer = client.request(method, url, content=body, headers=headers, follow_redirects=False)
    tells_nothing(answer)
    if httpx.URL(url).path not in OPEN:
        assert answer.status_code == 401, (method, url)
        if method != "HEAD":
            assert answer.json()["error"]["code"] == "invalid_api_key"
    assert engine.prompts == []


@fuzz
@example(method="GET", url="http://testserver//::", body=b"", kind="")
@given(method=methods, url=urls, body=bodies, kind=st.sampled_from(["application/json", "text/plain", "a/b;c", ""]))
def test_with_the_key_nothing_is_told(locked, method, url, body, kind):
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": kind}
    answer = locked[0].request(method, url, content=body, headers=headers, follow_redirects=False)
    assert answer.status_code < 500
    tells_nothing(answer)


def test_a_fault_tells_nothing(tiny):  # noqa: F811
    class Broken(RecordingEngine):
        def generate(self, admit):
            admit()
            raise RuntimeError(f"/home/joe/yoyak/src/serving/engine.py failed with {KEY}")

    service = tiny.service(Broken(tiny.model), batch_wait_seconds=0)
    service.scheduler.start()
    with TestClient(create_app(service), raise_server_exceptions=False) as client:
        for path, body in (
            ("/v1/summaries", {"dialogue": "A: a"}),
            ("/v1/chat/completions", {"messages": [{"role": "user", "content": "A: a"}]}),
            ("/v1/chat/completions", {"messages": [{"role": "user", "content": "A: a"}], "stream": True}),
        ):
            answer = client.post(path, json=body)
            assert answer.status_code == 500
            assert answer.json()["error"]["message"] == "the model failed on this request"
            tells_nothing(answer)
    service.scheduler.stop()


# Bytes on the wire, to the server as `yoyak serve` starts it.

RAW = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a long line": b"GET /" + b"a" * 200_000,
    "many headers": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"x: y\r\n" * 30_000 + b"\r\n",
    "two lengths": b"POST /v1/summaries HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "length and chunks": (
        b"POST /v1/summaries HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    ),
    "a negative length": b"POST /v1/summaries HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "a broken chunk": b"POST /v1/summaries HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "no host": b"GET /metrics HTTP/1.1\r\n\r\n",
    "a line break in a header": b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer\r\n "
    + KEY.encode()[:9],
    "an upgrade": b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
}


@pytest.fixture(scope="module")
def started(tiny):  # noqa: F811
    """Host and port of a server in a thread, with the settings that `yoyak serve` gives it, and short waits."""
    from src.serving.server import create_server
    from src.serving.sockets import listen

    service = tiny.service(RecordingEngine(tiny.model), batch_wait_seconds=0, head_seconds=1.0)
    with listen("127.0.0.1", 0) as listener:
        server = create_server(service, listener, "127.0.0.1", KEY)
        service.scheduler.start()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()[:2]
        server.should_exit = True
        thread.join(10)
        service.scheduler.stop()


def exchange(address, sent: bytes) -> bytes:
    """Send bytes and return all that comes until the server closes; fails where it does not within 8 s."""
    with socket.create_connection(address, timeout=8) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(sent)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                received += part
        return received


def check_bytes(answer: bytes) -> None:
    text = answer.decode("latin-1").lower()
    assert not [word for word in (*SECRET_WORDS, *VERSIONS) if word.lower() in text]
    assert "server:" not in text
    assert all(status in (b"400", b"401", b"404", b"405", b"413") for status in re.findall(rb"HTTP/1\.1 (\d+)", answer))


@pytest.mark.parametrize("sent", RAW.values(), ids=RAW)
def test_raw_bytes(started, sent):
    check_bytes(exchange(started, sent))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.binary(min_size=1, max_size=200), st.sampled_from([b"", b"GET /metrics HTTP/1.1\r\n", b"POST /v1/summaries "])
)
def test_any_raw_bytes(started, tail, start):
    check_bytes(exchange(started, start + tail + b"\r\n\r\n"))


def test_a_head_that_never_ends_is_cut_off(started):
    """A byte now and then keeps no connection open (slowloris)."""
    assert exchange(started, b"") == b""
    with socket.create_connection(started, timeout=8) as connection, contextlib.suppress(OSError):
        for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"a" * 50:
            connection.sendall(bytes([byte]))
            threading.Event().wait(0.1)
        pytest.fail("still open after 9 s")
    assert httpx.get(f"http://127.0.0.1:{started[1]}/healthz").status_code == 200
