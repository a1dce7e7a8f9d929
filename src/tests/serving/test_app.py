"""The routes, through a real socket: OpenAI's own client, plain requests, refusals, streams, metrics."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest

from src.inference.generator import generate_summaries
from src.serving.engine import TransformersEngine
from src.tests.serving.conftest import LIMIT, until
from src.tests.tiny_models import DIALOGUES

USER = {"role": "user", "content": DIALOGUES[0]}


@pytest.fixture
def expected(tiny):
    """The summaries that `yoyak summarize` gives."""
    results = generate_summaries(tiny.model, tiny.tokenizer, tiny.prompt, DIALOGUES, tiny.config.generation)
    return [result.text for result in results]


@pytest.fixture
def client():
    clients = []

    def create(url, key="none", retries=0):
        clients.append(openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=retries))
        return clients[-1]

    yield create
    for one in clients:
        one.close()


class TestOpenAI:
    def test_a_completion(self, tiny, serve, client, expected):
        result = client(serve(tiny.service())).chat.completions.create(model="tiny", messages=[USER])
        choice = result.choices[0]
        assert choice.message.content == expected[0]
        assert choice.message.role == "assistant"
        assert choice.finish_reason == "length"
        prompt_tokens = len(tiny.prompt.encode_prompt(DIALOGUES[0]))
        assert result.usage.prompt_tokens == prompt_tokens
        assert result.usage.completion_tokens == LIMIT
        assert result.usage.total_tokens == prompt_tokens + LIMIT
        assert (result.object, result.model) == ("chat.completion", "tiny")

    def test_a_stream_adds_up_to_the_completion(self, tiny, serve, client, expected):
        stream = client(serve(tiny.service())).chat.completions.create(
            model="tiny", messages=[USER], stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == expected[0]
        assert chunks[0].choices[0].delta.role == "assistant"
        assert chunks[-2].choices[0].finish_reason == "length"
        assert chunks[-1].choices == []
        assert chunks[-1].usage.completion_tokens == LIMIT
        assert len({chunk.id for chunk in chunks}) == 1

    def test_tokens_come_before_the_summary_is_whole(self, tiny, stepped, serve, client):
        for _ in range(LIMIT - 1):
            stepped.permits.release()
        stream = client(serve(tiny.service(stepped))).chat.completions.create(
            model="tiny", messages=[USER], stream=True
        )
        deltas = (chunk.choices[0].delta.content for chunk in stream)
        assert next(delta for delta in deltas if delta)
        stepped.run_freely()
        assert [delta for delta in deltas if delta]

    def test_models(self, tiny, serve, client):
        one = client(serve(tiny.service()))
        assert [model.id for model in one.models.list()] == ["tiny"]
        assert one.models.retrieve("tiny").owned_by == "yoyak"
        with pytest.raises(openai.NotFoundError, match="this server has tiny"):
            one.models.retrieve("gpt-5")

    def test_errors_are_the_clients_own(self, tiny, serve, client):
        one = client(serve(tiny.service()))
        with pytest.raises(openai.NotFoundError, match="no such model here"):
            one.chat.completions.create(model="gpt-5", messages=[USER])
        with pytest.raises(openai.UnprocessableEntityError, match="max_completion_tokens: 9 is more than"):
            one.chat.completions.create(model="tiny", messages=[USER], max_completion_tokens=9)
        with pytest.raises(openai.UnprocessableEntityError, match="tools: this server does not carry it out"):
            one.chat.completions.create(
                model="tiny", messages=[USER], tools=[{"type": "function", "function": {"name": "x"}}]
            )
        with pytest.raises(openai.UnprocessableEntityError, match="unknown field") as refused:
            one.chat.completions.create(model="tiny", messages=[USER], extra_body={"max_token": 3})
        assert refused.value.body["param"] == "max_token"

    def test_settings_that_change_nothing_are_taken(self, tiny, serve, client, expected):
        result = client(serve(tiny.service())).chat.completions.create(
            model="tiny", messages=[USER], n=1, presence_penalty=0, frequency_penalty=0, logprobs=False, stop=None,
            user="me", temperature=0, top_p=1, response_format={"type": "text"}, tool_choice="none",
        )  # fmt: skip
        assert result.choices[0].message.content == expected[0]

    def test_fewer_tokens_and_a_seed(self, tiny, serve, client):
        create = client(serve(tiny.service())).chat.completions.create
        short = create(model="tiny", messages=[USER], max_tokens=2)
        assert short.usage.completion_tokens == 2
        hot = [create(model="tiny", messages=[USER], temperature=2, seed=seed) for seed in (1, 1, 2)]
        texts = [result.choices[0].message.content for result in hot]
        assert texts[0] == texts[1] != texts[2]

    def test_a_truncated_dialogue_is_told(self, tiny, serve, client):
        message = {"role": "user", "content": "A: hello\nB: bye\n" * 20}
        one = client(serve(tiny.service()))
        with pytest.raises(openai.UnprocessableEntityError, match='send "truncate": true'):
            one.chat.completions.create(model="tiny", messages=[message])
        result = one.chat.completions.create(model="tiny", messages=[message], extra_body={"truncate": True})
        assert result.truncation["turns_cut"] > 0
        assert result.usage.prompt_tokens <= 300

    def test_many_clients_at_once_get_their_own_summaries(self, tiny, serve, client, expected):
        service = tiny.service(max_batch=8, batch_wait_seconds=0.05)
        one = client(serve(service))

        def ask(index):
            message = {"role": "user", "content": DIALOGUES[index % 4]}
            result = one.chat.completions.create(model="tiny", messages=[message])
            return result.choices[0].message.content

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(ask, range(24))) == expected * 6
        rows = {sample.name: sample.value for sample in service.metrics.batch_size.collect()[0].samples}
        assert rows["yoyak_batch_size_sum"] / rows["yoyak_batch_size_count"] > 2

    def test_the_client_retries_when_the_queue_was_full(self, tiny, stepped, serve, client):
        service = tiny.service(stepped, max_batch=1, max_queue=0)
        url = serve(service)
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(client(url).chat.completions.create, model="tiny", messages=[USER])
            stepped.at_step.acquire()
            with pytest.raises(openai.RateLimitError, match="busy") as refused:
                client(url).chat.completions.create(model="tiny", messages=[USER])
            assert refused.value.response.headers["retry-after"] == "1"
            second = pool.submit(client(url, retries=3).chat.completions.create, model="tiny", messages=[USER])
            stepped.run_freely()
            assert first.result().choices[0].message.content == second.result().choices[0].message.content


def test_summaries_of_one_dialogue_and_of_several(tiny, serve, expected):
    url = serve(tiny.service()) + "/v1/summaries"
    one = httpx.post(url, json={"dialogue": DIALOGUES[1]}).json()
    assert one == {
        "model": "tiny",
        "summary": expected[1],
        "ended": False,
        "prompt_tokens": len(tiny.prompt.encode_prompt(DIALOGUES[1])),
        "completion_tokens": LIMIT,
        "turns_cut": 0,
        "tokens_cut": 0,
    }
    several = httpx.post(url, json={"dialogues": DIALOGUES, "max_tokens": LIMIT}).json()
    assert several["model"] == "tiny"
    assert [summary["summary"] for summary in several["summaries"]] == expected
    refused = httpx.post(url, json={"dialogues": ["A: a", " "]})
    assert refused.status_code == 422
    assert refused.json()["error"]["message"] == "dialogues[1]: the dialogue is empty"


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
        until(lambda: not service.scheduler._running)  # its place is free again

    def test_a_stream_that_takes_too_long_says_so(self, tiny, stepped, serve, client):
        service = tiny.service(stepped, timeout_seconds=0.5)
        one = client(serve(service))
        stepped.permits.release()
        stepped.permits.release()
        with pytest.raises(openai.APIError, match="no summary within"):
            list(one.chat.completions.create(model="tiny", messages=[USER], stream=True))
        stepped.run_freely()
        until(lambda: not service.scheduler._running)

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


def test_checks_and_metrics(tiny, serve):
    service = tiny.service()
    url = serve(service)
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{url}/readyz").json() == {"status": "ready"}
    httpx.post(f"{url}/v1/summaries", json={"dialogue": "A: a"})
    assert httpx.get(f"{url}/v1/nothing").status_code == 404
    text = httpx.get(f"{url}/metrics").text
    assert 'yoyak_http_requests_total{route="/v1/summaries",status="200"} 1.0' in text
    assert 'yoyak_http_requests_total{route="other",status="404"} 1.0' in text
    assert f"yoyak_generated_tokens_total {LIMIT}.0" in text
    service.scheduler.drain()
    assert httpx.get(f"{url}/readyz").status_code == 503
    assert httpx.get(f"{url}/healthz").status_code == 200
    refused = httpx.post(f"{url}/v1/summaries", json={"dialogue": "A: a"})
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "shutting_down"


def test_other_paths_and_methods(tiny, serve):
    url = serve(tiny.service())
    missing, wrong = httpx.get(f"{url}/docs"), httpx.get(f"{url}/v1/summaries")
    assert (missing.status_code, missing.json()["error"]["message"]) == (404, "no such path")
    assert (wrong.status_code, wrong.json()["error"]["message"]) == (405, "no such method on this path")
    assert wrong.headers["allow"] == "POST"


class BrokenEngine(TransformersEngine):
    def generate(self, admit):
        admit()
        raise RuntimeError("/secret/path exploded")


def test_a_fault_of_the_engine_says_nothing_of_it(tiny, serve, caplog):
    answer = httpx.post(serve(tiny.service(BrokenEngine(tiny.model))) + "/v1/summaries", json={"dialogue": "A: a"})
    assert answer.status_code == 500
    assert answer.json()["error"]["message"] == "the model failed on this request"
    assert "/secret/path exploded" in caplog.text  # the log has it


def test_a_fault_of_the_routes_says_nothing_of_it(tiny, serve, caplog, monkeypatch):
    service = tiny.service()
    monkeypatch.setattr(service, "check_model", lambda name: 1 / 0)
    answer = httpx.post(serve(service) + "/v1/summaries", json={"dialogue": "A: a"})
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "generation_failed"
    until(lambda: "ZeroDivisionError" in caplog.text)  # written after the answer
