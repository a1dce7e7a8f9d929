"""What the server refuses or gives up: too much, too slow, not JSON, without a key."""

import json
import socket

import httpx
import openai
import pytest

from src.tests.serving.conftest import until
from src.tests.tiny_models import DIALOGUES

USER = {"role": "user", "content": DIALOGUES[0]}


class TestLimits:
    def test_a_body_that_is_too_large(self, tiny, serve):
        url = serve(tiny.service(body_bytes=1000)) + "/v1/summaries"
        for size in (1001, 2_000_000, 20_000_000):
            body = json.dumps({"dialogue": "x"}).ljust(size)
            try:
                answer = httpx.post(url, content=body, headers={"Content-Type": "application/json"})
            except (httpx.WriteError, httpx.ReadError):  # cut off: far too large to be read away
                assert size == 20_000_000
                continue
            assert answer.status_code == 413
            assert answer.json()["error"]["code"] == "body_too_large"
        chunks = (b" " * 500 for _ in range(3))
        answer = httpx.post(url, content=chunks, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413
        assert httpx.post(url, json={"dialogue": "A: a"}).status_code == 200

    def test_a_body_that_does_not_come(self, tiny, serve):
        url = httpx.URL(serve(tiny.service(body_seconds=0.2)))
        head = "POST /v1/summaries HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        with socket.create_connection((url.host, url.port), timeout=10) as connection:
            connection.sendall(f"{head}Content-Length: 100\r\n\r\n".encode() + b'{"dialogue": ')
            answer = b"".join(iter(lambda: connection.recv(1000), b""))  # until the server closes it
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"the body did not arrive within 0.2 s" in answer

    def test_a_summary_that_takes_too_long(self, tiny, stepped, serve):
        service = tiny.service(stepped, timeout_seconds=0.3)
        answer = httpx.post(serve(service) + "/v1/summaries", json={"dialogue": "A: a"})
        assert answer.status_code == 504
        assert answer.json()["error"] == {
            "message": "no summary within 0.3 s", "type": "timeout_error", "param": None, "code": "timeout"
        }  # fmt: skip
        stepped.run_freely()
        until(lambda: not service.scheduler.running)  # its place is free again

    def test_a_stream_that_takes_too_long_says_so(self, tiny, stepped, serve, client):
        service = tiny.service(stepped, timeout_seconds=0.5)
        one = client(serve(service))
        stepped.permits.release()
        stepped.permits.release()
        with pytest.raises(openai.APIError, match="no summary within"):
            list(one.chat.completions.create(model="tiny", messages=[USER], stream=True))
        stepped.run_freely()
        until(lambda: not service.scheduler.running)

    def test_not_json(self, tiny, serve):
        url = serve(tiny.service()) + "/v1/summaries"
        assert httpx.post(url, content=b'{"dialogue": "A: a"}').status_code == 415
        broken = httpx.post(url, content=b'{"dialogue": ', headers={"Content-Type": "application/json; charset=utf-8"})
        assert broken.status_code == 400
        assert broken.json()["error"]["code"] == "invalid_json"

    def test_more_dialogues_than_the_queue_takes(self, tiny, serve):
        url = serve(tiny.service(max_batch=2, max_queue=2)) + "/v1/summaries"
        assert httpx.post(url, json={"dialogues": ["A: a"] * 4}).status_code == 200
        assert httpx.post(url, json={"dialogues": ["A: a"] * 5}).status_code == 429


class TestTheDoor:
    def test_a_key(self, tiny, serve, client):
        url = serve(tiny.service(), api_key="the key")
        for headers in (
            {},
            {"Authorization": "Bearer the"},
            {"Authorization": "Bearer the key2"},
            {"Authorization": "the key"},
            {"Authorization": "Basic the key"},
            {"Authorization": b"Bearer \xff\xfe"},
        ):
            answer = httpx.post(f"{url}/v1/summaries", json={"dialogue": "A: a"}, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["error"]["code"] == "invalid_api_key"
        for path in ("/v1/models", "/metrics", "/nowhere"):
            assert httpx.get(url + path).status_code == 401
        for path in ("/healthz", "/readyz"):
            assert httpx.get(url + path).status_code == 200
        assert client(url, "the key").models.list().data[0].id == "tiny"
        with pytest.raises(openai.AuthenticationError):
            client(url, "another").models.list()

    @pytest.mark.parametrize(
        ("host", "status"),
        [
            ("127.0.0.1:8000", 200),
            ("localhost", 200),
            ("yoyak.localhost:1", 200),
            ("[::1]:8000", 200),
            ("mine.example", 200),
            ("evil.example", 403),
            ("127.0.0.1.evil.example", 403),
            ("10.0.0.1", 403),
        ],
    )
    def test_without_a_key_only_local_names(self, tiny, serve, host, status):
        url = serve(tiny.service(), hosts=["mine.example"])
        assert httpx.get(f"{url}/v1/models", headers={"Host": host}).status_code == status

    def test_with_a_key_or_an_open_address_any_name(self, tiny, serve):
        url = serve(tiny.service(), api_key="k", hosts=["127.0.0.1"])
        headers = {"Host": "summaries.example", "Authorization": "Bearer k"}
        assert httpx.get(f"{url}/v1/models", headers=headers).status_code == 200
