"""What the configs that come with the package say."""

import pytest

from src.config import load_config
from src.config.loader import flatten
from src.resources import configs_dir
from src.tests.config import MODEL, write

SHIPPED = sorted(configs_dir().glob("*/*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_config_loads_by_name_and_by_path(path):
    assert load_config(path.stem) == load_config(str(path))


def test_there_are_shipped_configs_of_all_three_kinds():
    assert {path.parent.name for path in SHIPPED} == {"base", "models", "experiments"}


COMMON = {
    "model.type": "causal_lm",
    "lora.r": 16,
    "lora.alpha": 32,
    "lora.dropout": 0.05,
    "lora.use_qlora": True,
    "lora.target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    "tokenizer.encoder_max_len": 1024,
    "tokenizer.decoder_max_len": 200,
    "training.epochs": 3,
    "training.learning_rate": 0.00002,
    "training.lr_scheduler_type": "cosine",
    "training.warmup_ratio": 0.1,
    "training.weight_decay": 0.1,
    "training.max_grad_norm": 1.2,
    "training.gradient_checkpointing": True,
    "training.optim": "paged_adamw_32bit",
    "dataset.format_type": "chat",
    "data.train": "data/raw/train.csv",
    "data.eval": "data/raw/dev.csv",
}
LLAMA = COMMON | {
    "model.checkpoint": "Bllossom/llama-3.2-Korean-Bllossom-3B",
    "model.size": "3B",
    "model.dtype": "bf16",
    "model.chat_template": "llama",
    "training.batch_size": 8,
    "training.gradient_accumulation_steps": 8,
    "experiment.name": "llama_3.2_3b_qlora",
    "experiment.tags": ["llama", "3b", "qlora"],
}
QWEN = COMMON | {
    "model.checkpoint": "Qwen/Qwen3-4B-Instruct-2507",
    "model.size": "4B",
    "model.dtype": "fp16",
    "model.chat_template": "qwen",
    "training.batch_size": 6,
    "training.gradient_accumulation_steps": 10,
    "experiment.name": "qwen3_4b_qlora",
    "experiment.tags": ["qwen", "4b", "qlora"],
}


@pytest.mark.parametrize(("name", "expected"), [("llama_3.2_3b", LLAMA), ("qwen3_4b", QWEN)])
def test_models_have_the_values_of_the_specification(name, expected):
    settings = flatten(load_config(name))
    assert {key: settings[key] for key in expected} == expected


def test_attribute_access():
    assert load_config("qwen3_4b").training.batch_size == 6


@pytest.mark.parametrize("path", [path for path in SHIPPED if path.parent.name == "base"], ids=lambda path: path.stem)
def test_the_base_says_what_the_schema_says(path, folder):
    """The base repeats the schema's defaults for readers; where they parted, a setting would live in two places."""
    settings = flatten(load_config(str(path)))
    defaults = flatten(load_config(write("x.yaml", MODEL)))
    different = {key for key in settings if settings[key] != defaults[key]}
    assert different == {"model.checkpoint", "experiment.name"}
