"""Clients that leave before their summary is there: their place is free at once."""

import json
import socket

import httpx
import pytest

from src.tests.serving.conftest import until

CHAT = {"messages": [{"role": "user", "content": "A: a"}]}


def connect(url, path, body):
    """Send a request and return the open connection."""
    address, content = httpx.URL(url), json.dumps(body).encode()
    connection = socket.create_connection((address.host, address.port), timeout=10)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    return connection


@pytest.mark.parametrize(
    ("path", "body", "steps"),
    [
        ("/v1/summaries", {"dialogue": "A: a"}, 3),
        ("/v1/summaries", {"dialogues": ["A: a", "B: b"]}, 3),
        ("/v1/chat/completions", CHAT, 3),
        ("/v1/chat/completions", {**CHAT, "stream": True}, 3),  # in the middle of its stream
        ("/v1/chat/completions", {**CHAT, "stream": True}, 0),  # before its first token
    ],
)
def test_a_client_that_leaves_frees_its_place(tiny, stepped, serve, path, body, steps):
    service = tiny.service(stepped, batch_wait_seconds=0)
    scheduler = service.scheduler
    url = serve(service)
    with connect(url, path, body) as connection:
        stepped.at_step.acquire()
        for _ in range(steps):
            stepped.permits.release()
            stepped.at_step.acquire()
        jobs = list(scheduler.running)
        assert len(jobs) == len(body.get("dialogues", "1"))
        if body.get("stream") and steps:
            assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
    until(lambda: all(job.finish == "cancelled" for job in jobs))
    stepped.run_freely()
    until(lambda: not scheduler.running)
    assert all(len(job.generated) <= steps + 1 for job in jobs)
    answer = httpx.post(f"{url}/v1/summaries", json={"dialogue": "A: a"})
    assert answer.json()["completion_tokens"] == 8
    text = httpx.get(f"{url}/metrics").text
    assert f'yoyak_summaries_total{{finish="cancelled"}} {len(jobs)}.0' in text


def test_a_waiting_client_that_leaves_frees_its_place_in_the_queue(tiny, stepped, serve):
    service = tiny.service(stepped, max_batch=1, max_queue=1, batch_wait_seconds=0)
    url = serve(service)
    with connect(url, "/v1/summaries", {"dialogue": "A: a"}) as running:
        stepped.at_step.acquire()
        waiting = connect(url, "/v1/summaries", {"dialogue": "B: b"})
        until(lambda: len(service.scheduler.waiting) == 1)
        assert httpx.post(f"{url}/v1/summaries", json={"dialogue": "C: c"}).status_code == 429
        waiting.close()
        until(lambda: not service.scheduler.waiting)
        stepped.run_freely()
        assert running.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_a_client_that_leaves_within_its_body(tiny, serve):
    url = httpx.URL(serve(tiny.service()))
    with socket.create_connection((url.host, url.port)) as connection:
        connection.sendall(b"POST /v1/summaries HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n")
        connection.sendall(b"Content-Length: 100\r\n\r\n{")
    route = 'route="/v1/summaries",status="499"'
    until(lambda: f"{{{route}}} 1.0" in httpx.get(f"{url}/metrics").text)
