"""A tiny model behind the server, in this process: with pauses between steps where a test needs them.

What the web server and its client need is imported where they are used: a machine that has a GPU need not have them.
"""

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest

from src.config.schema import Config
from src.data.prompt.templates import create_prompt_template
from src.serving.engine import TransformersEngine
from src.serving.limits import RequestLimits
from src.tests.tiny_models import load_tiny, tiny_config, write_tiny_model

LIMIT = 8  # decoder_max_len


@dataclass
class Loaded:
    config: Config
    model: Any
    tokenizer: Any
    prompt: Any

    def service(self, engine=None, **limits):
        from src.serving.service import Service

        engine = engine or TransformersEngine(self.model)
        return Service(self.config, engine, self.tokenizer, self.prompt, RequestLimits(**limits))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    settings = {"tokenizer__encoder_max_len": 300, "tokenizer__decoder_max_len": LIMIT, "lora__use_qlora": False}
    config = tiny_config(write_tiny_model(folder / "base"), folder, **settings)
    model, tokenizer = load_tiny(config)
    prompt = create_prompt_template(
        tokenizer, encoder_max_len=300, decoder_max_len=LIMIT, format_type="chat", language="en", chat_template="auto"
    )
    return Loaded(config, model, tokenizer, prompt)


class RecordingEngine(TransformersEngine):
    """The real engine; remembers what it was given."""

    def __init__(self, model):
        super().__init__(model)
        self.prompts = []

    def generate(self, admit):
        def recorded():
            jobs = admit()
            self.prompts += [job.prompt for job in jobs]
            return jobs

        super().generate(recorded)


class SteppedEngine(TransformersEngine):
    """The real engine, which makes a step for each permit that a test gives, or runs freely."""

    def __init__(self, model):
        super().__init__(model)
        self.permits, self.free = threading.Semaphore(0), False
        self.at_step = threading.Semaphore(0)

    def generate(self, admit):
        def wait():
            joining = admit()  # before the wait: those who run are known while the test looks
            self.at_step.release()
            while not self.free and not self.permits.acquire(timeout=0.01):
                pass
            return joining

        super().generate(wait)

    def run_freely(self):
        self.free = True


@pytest.fixture
def stepped(tiny):
    engine = SteppedEngine(tiny.model)
    yield engine
    engine.run_freely()


@pytest.fixture
def serve():
    """Start a service on a free port, in a thread; returns its address. Stopped when the test ends."""
    uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    from src.serving.app import create_app
    from src.serving.sockets import listen, url_of

    with contextlib.ExitStack() as stack:

        def start(service, **guard):
            listener = stack.enter_context(listen("127.0.0.1", 0))
            app = create_app(service, **guard)
            config = uvicorn.Config(app, http="h11", ws="none", lifespan="off", log_config=None, access_log=False)
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            url = url_of(listener)
            service.scheduler.start()
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(service.scheduler.stop)
            stack.callback(setattr, server, "should_exit", True)
            return url

        yield start


def until(condition, seconds=10.0):
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.005)


@pytest.fixture
def client():
    openai = pytest.importorskip("openai", reason="openai is not installed")
    clients = []

    def create(url, key="none", retries=0):
        clients.append(openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=retries))
        return clients[-1]

    yield create
    for one in clients:
        one.close()
