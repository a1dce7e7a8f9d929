"""A model with fewer positions than prompt and summary may take: refused where it has a table, else said."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, GPT2Config

from src.config.schema import TokenizerSettings
from src.errors import YoyakError
from src.models.lora_loader import LoRALoader
from src.planner.positions import check_positions, model_positions, position_warning, refuse_long_example
from src.tests.tiny_models import tiny_config, tiny_tokenizer, write_tiny_model

LENGTHS = TokenizerSettings(encoder_max_len=1024, decoder_max_len=200)
SUM = "tokenizer.encoder_max_len + decoder_max_len = 1024 + 200 = 1224"


@pytest.mark.parametrize(
    ("config", "positions"),
    [
        ({"max_position_embeddings": 512}, 512),
        ({"n_positions": 1024}, 1024),
        ({"text_config": {"max_position_embeddings": 300}, "max_position_embeddings": 7}, 300),
        ({}, None),
        ({"max_position_embeddings": None, "max_seq_len": -1}, None),
        # Scaling of rotations: Llama 3 names the whole, linear and dynamic what they scale, YaRN either.
        ({"max_position_embeddings": 131072, "rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, 131072),
        ({"max_position_embeddings": 512, "rope_scaling": {"type": "linear", "factor": 4.0}}, 2048),
        ({"max_position_embeddings": 512, "rope_parameters": {"rope_type": "dynamic", "factor": 2}}, 1024),
        (
            {
                "max_position_embeddings": 512,
                "rope_parameters": {"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 512},
            },
            2048,
        ),
        (
            {
                "max_position_embeddings": 2048,
                "rope_parameters": {"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 512},
            },
            2048,
        ),
        ({"max_position_embeddings": 512, "rope_scaling": {"type": "linear", "factor": "4"}}, 512),
        ({"max_position_embeddings": 512, "rope_parameters": {"full_attention": {"rope_type": "linear"}}}, 512),
    ],
)
def test_positions_of_a_config(config: dict[str, Any], positions: int | None) -> None:
    assert model_positions(config) == positions


def test_rotary_models_are_warned_about_with_both_numbers() -> None:
    config = {"model_type": "llama", "max_position_embeddings": 512}
    assert check_positions(config, "x", LENGTHS) == (
        f"The model was made for 512 positions, and {SUM}: longer texts than it has seen get worse summaries; "
        "tokenizer.encoder_max_len=384 tokenizer.decoder_max_len=128 keeps within"
    )
    assert check_positions(config | {"max_position_embeddings": 1224}, "x", LENGTHS) is None
    assert position_warning(1223, LENGTHS) is not None
    assert position_warning(None, LENGTHS) is None


@pytest.mark.parametrize("kind", ["gpt2", "opt", "gptj", "gpt_neo"])
def test_tables_of_positions_are_a_refusal(kind: str) -> None:
    config = {"model_type": kind, "max_position_embeddings": 1223}
    words = f"model.checkpoint = x: the model has 1223 positions, and {SUM}; use tokenizer.encoder_max_len=1023"
    with pytest.raises(YoyakError, match=re.escape(words) + "$"):
        check_positions(config, "x", LENGTHS)
    config["max_position_embeddings"] = 1224
    assert check_positions(config, "x", LENGTHS) is None
    refuse_long_example(config, "x", 1224)
    with pytest.raises(YoyakError, match=r"the longest example 1225 tokens .* lower tokenizer\.encoder_max_len by 1"):
        refuse_long_example(config, "x", 1225)
    refuse_long_example({"model_type": "llama", "max_position_embeddings": 5}, "x", 1225)


def test_the_loader_refuses_before_it_reads_weights(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    config = GPT2Config(vocab_size=260, n_positions=271, n_embd=16, n_layer=1, n_head=2)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(YoyakError, match=r"has 271 positions, .* = 256 \+ 16 = 272; use tokenizer\.enc"):
        LoRALoader(tiny_config(str(tmp_path))).load_model_and_tokenizer()


def test_the_loader_warns_of_rotary_models(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_tiny_model(tmp_path / "base", max_position_embeddings=271)
    with caplog.at_level(logging.WARNING, "yoyak"):
        loader = LoRALoader(tiny_config(folder))
        loader.load_model_and_tokenizer()
    assert "The model was made for 271 positions" in caplog.text
    assert "= 256 + 16 = 272" in caplog.text
    assert loader.resolved["model_positions"] == 271
    assert json.loads((Path(folder) / "config.json").read_text())["max_position_embeddings"] == 271
