"""The routes, through a real socket: OpenAI's own client, plain requests, refusals, streams, metrics."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import httpx
import openai
import pytest

from src.config.schema import GenerationSettings
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

    def test_a_loop_is_cut_off_in_an_answer_and_whole_in_a_stream(self, tiny, serve, client):
        long = replace(tiny, prompt=replace(tiny.prompt, decoder_max_len=60))
        whole, truncated = (
            generate_summaries(
                long.model, long.tokenizer, long.prompt, DIALOGUES, GenerationSettings(truncate_repetition=truncate)
            )
            for truncate in (False, True)
        )
        looped = next(index for index, result in enumerate(truncated) if result.looped)
        ask = partial(client(serve(long.service())).chat.completions.create, model="tiny")
        message = {"role": "user", "content": DIALOGUES[looped]}
        answer = ask(messages=[message])
        assert answer.choices[0].message.content == truncated[looped].text != whole[looped].text
        assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 60)
        pieces = [chunk.choices[0].delta.content or "" for chunk in ask(messages=[message], stream=True)]
        assert "".join(pieces) == whole[looped].text

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

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_top_p_needs_a_temperature(self, tiny, serve, client, expected, stream):
        create = client(serve(tiny.service())).chat.completions.create
        refused = "top_p: without a temperature this server takes the most likely token; add temperature, such as 1"
        with pytest.raises(openai.UnprocessableEntityError) as error:
            create(model="tiny", messages=[USER], top_p=0.9, stream=stream)
        assert error.value.body == {
            "message": refused, "type": "invalid_request_error", "param": "top_p", "code": "no_temperature"
        }  # fmt: skip
        for accepted in ({"top_p": 1}, {"top_p": 0}, {"seed": 3}, {"temperature": 0, "top_p": 0.9}):
            result = create(model="tiny", messages=[USER], **accepted)
            assert result.choices[0].message.content == expected[0]
        drawn = [create(model="tiny", messages=[USER], temperature=2, top_p=p, seed=1) for p in (0.002, 1)]
        texts = [result.choices[0].message.content for result in drawn]
        assert texts[0] == expected[0] != texts[1]

    def test_a_top_p_of_a_server_that_draws(self, tiny, serve, client, expected):
        config = tiny.config.model_copy(deep=True)
        config.generation.do_sample, config.generation.temperature = True, 2.0
        create = client(serve(replace(tiny, config=config).service())).chat.completions.create
        texts = [create(model="tiny", messages=[USER], top_p=p).choices[0].message.content for p in (0.002, 1)]
        assert texts[0] == expected[0] != texts[1]

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
