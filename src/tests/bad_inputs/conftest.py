"""A tiny model, its data, an adapter, and a server with it, made once."""

import pytest
import yaml
from fastapi.testclient import TestClient

from src.data.prompt.templates import create_prompt_template
from src.serving.app import create_app
from src.serving.engine import TransformersEngine
from src.serving.service import Service
from src.tests.commands.conftest import write_csv
from src.tests.tiny_models import DIALOGUES, SUMMARIES, load_tiny, tiny_config, write_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Return a folder with `base`, `adapter`, `train.csv` and `tiny.yaml`, and config, model and tokenizer."""
    folder = tmp_path_factory.mktemp("bad_inputs")
    config = tiny_config(write_tiny_model(folder / "base"), "outputs", lora__use_qlora=False)
    config.data.train = config.data.eval = str(write_csv(folder / "train.csv", DIALOGUES, SUMMARIES))
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config.model_dump()), encoding="utf-8")
    model, tokenizer = load_tiny(config)
    model.save_pretrained(folder / "adapter", save_embedding_layers=False)
    return folder, config, model, tokenizer


@pytest.fixture(scope="session")
def client(tiny_model):
    """Return a client of the server of that model."""
    _, config, model, tokenizer = tiny_model
    prompt = create_prompt_template(
        tokenizer, encoder_max_len=256, decoder_max_len=16, format_type="chat", language="en", chat_template="auto"
    )
    service = Service(config, TransformersEngine(model), tokenizer, prompt)
    service.scheduler.start()
    with TestClient(create_app(service)) as client:
        yield client
    service.scheduler.stop()
