"""A model with fewer positions than prompt and summary may take: refused where it has a table, else said."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config

from src.config.schema import TokenizerSettings
from src.errors import YoyakError
from src.models.lora_loader import LoRALoader
from src.planner.positions import (
    check_example_lengths,
    check_positions,
    has_position_table,
    model_positions,
    position_warning,
)
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
        # Tables whose first position stands behind the padding token's row.
        ({"model_type": "roberta", "max_position_embeddings": 514}, 512),
        ({"model_type": "xlm-roberta", "max_position_embeddings": 514, "pad_token_id": 0}, 513),
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


@pytest.mark.parametrize("kind", ["gpt2", "opt", "gptj", "gpt_neo", "mpt"])
def test_tables_of_positions_are_a_refusal(kind: str) -> None:
    config = {"model_type": kind, "max_position_embeddings": 1223}
    words = f"model.checkpoint = x: the model has 1223 positions, and {SUM}; use tokenizer.encoder_max_len=1023"
    with pytest.raises(YoyakError, match=re.escape(words) + "$"):
        check_positions(config, "x", LENGTHS)
    config["max_position_embeddings"] = 1224
    assert check_positions(config, "x", LENGTHS) is None
    assert check_example_lengths(config, "x", [(1224, 300)]) is None
    with pytest.raises(YoyakError, match=r"^model\.checkpoint = x: the model has 1224 positions, and 1 example"):
        check_example_lengths(config, "x", [(1225, 300), (1224, 300)])


def test_examples_beyond_the_positions_are_counted() -> None:
    config = {"model_type": "llama", "max_position_embeddings": 600}
    said = "The model was made for 600 positions, and {}, as summaries are trained on whole; shorten such summaries"
    assert check_example_lengths(config, "x", [(600, 90), (1, 1)]) is None
    assert check_example_lengths(config, "x", [(601, 590)]) == said.format("1 example is longer, up to 601 tokens")
    shorter_prompts = said.format("2 examples are longer, up to 720 tokens") + ", or set tokenizer.encoder_max_len=390"
    assert check_example_lengths(config, "x", [(720, 80), (610, 210), (500, 250)]) == shorter_prompts
    config["rope_scaling"] = {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 600}
    assert check_example_lengths(config, "x", [(1200, 90)]) is None


def test_a_table_ends_where_the_model_fails() -> None:
    """Tables that were not known as such, or not where they end."""
    bert = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    kinds: dict[str, dict[str, Any]] = {
        "mpt": {"d_model": 16, "n_heads": 2, "n_layers": 1, "max_seq_len": 20},
        "roberta": {**bert, "max_position_embeddings": 20, "is_decoder": True},
    }
    for kind, settings in kinds.items():
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, vocab_size=64, **settings)).eval()
        most = model_positions(model.config.to_dict())
        assert most is not None
        assert has_position_table(kind)
        model(input_ids=torch.full((1, most), 5))
        with pytest.raises((RuntimeError, IndexError)):
            model(input_ids=torch.full((1, most + 1), 5))


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
