"""The door: paths that need no key, and names that a request may be sent to."""

import asyncio

import pytest

from src.serving.guard import Guard
from src.serving.metrics import Metrics

KEY = "correct-horse"


async def _answer(guard, path, headers):
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": headers}
    await guard(scope, receive, send)
    return sent


def status_of(guard, path="/v1/models", **headers):
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return asyncio.run(_answer(guard, path, raw))[0]["status"]


async def app(scope, receive, send):
    if scope["path"] == "/fails":
        raise RuntimeError("inside")
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/healthz", 204),
        ("/readyz", 204),
        ("/healthzX", 401),
        ("/healthz/", 401),
        ("/healthz/../metrics", 401),
        ("/readyz?x", 401),
        ("/Healthz", 401),
        ("//healthz", 401),
        ("", 401),
        ("/", 401),
        ("/health", 401),
        ("/metrics", 401),
    ],
)
def test_only_the_two_health_checks_need_no_key(path, status):
    assert status_of(Guard(app, api_key=KEY), path) == status


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {KEY}", 204),
        (f"bearer  {KEY} ", 204),
        (f"Bearer {KEY}x", 401),
        (f"Bearer {KEY[:-1]}", 401),
        ("Bearer ", 401),
        (f"Basic {KEY}", 401),
        (KEY, 401),
        (f"Bearer{KEY}", 401),
    ],
)
def test_the_whole_key_as_a_bearer(authorization, status):
    assert status_of(Guard(app, api_key=KEY), authorization=authorization) == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 204),
        ("LOCALHOST:8000", 204),
        ("a.localhost", 204),
        ("127.0.0.1:8000", 204),
        ("127.8.9.1", 204),
        ("[::1]:8000", 204),
        ("own.name:8000", 204),
        ("evillocalhost", 403),
        ("localhost.evil.com", 403),
        ("own.name.evil.com", 403),
        ("notown.name", 403),
        ("128.0.0.1", 403),
        ("192.168.0.7", 403),
        ("[::2]", 403),
        ("", 403),
    ],
)
def test_without_a_key_only_local_names(host, status):
    assert status_of(Guard(app, hosts=["Own.Name"]), host=host) == status


def test_no_host_at_all_is_a_stranger_and_with_a_key_or_an_open_server_any_name_will_do():
    assert status_of(Guard(app, hosts=[])) == 403
    assert status_of(Guard(app, hosts=[]), "/healthz") == 403
    assert status_of(Guard(app), host="evil.com") == 204
    assert status_of(Guard(app, api_key=KEY, hosts=[]), host="evil.com", authorization=f"Bearer {KEY}") == 204


def test_the_refusal_says_how_and_tells_which_scheme():
    sent = asyncio.run(_answer(Guard(app, api_key=KEY), "/metrics", []))
    assert dict(sent[0]["headers"])[b"www-authenticate"] == b"Bearer"
    assert dict(sent[0]["headers"])[b"content-length"] == str(len(sent[1]["body"])).encode()
    assert b"Authorization: Bearer KEY" in sent[1]["body"]


def test_a_fault_is_answered_and_counted(caplog):
    metrics = Metrics()
    assert status_of(Guard(app, metrics=metrics), "/fails") == 500
    assert status_of(Guard(app, metrics=metrics)) == 204
    assert status_of(Guard(app, metrics=metrics, api_key=KEY)) == 401
    samples = [sample for family in metrics.requests.collect() for sample in family.samples]
    counts = {sample.labels["status"]: sample.value for sample in samples if sample.name.endswith("_total")}
    assert counts == {"500": 1, "204": 1, "401": 1}
    assert "a request failed" in caplog.text
