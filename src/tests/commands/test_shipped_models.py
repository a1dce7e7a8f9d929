"""Each shipped model, tiny and random in its own layout and names, goes through train, evaluate, export and plan."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from src.config.loader import known_configs, load_config
from src.models.head_width import allow_named_head_width
from src.planner import shapes
from src.tests import tiny_models
from src.tests.commands.conftest import write_csv
from src.tests.models.test_text_part import write_whole
from src.tests.real_tokenizers import CHATML
from src.tests.tiny_architectures import architecture_config
from src.tests.tiny_models import DIALOGUES, SUMMARIES, tiny_tokenizer

SHIPPED = json.loads((Path(shapes.__file__).parent / "shapes.json").read_text(encoding="utf-8"))
SEES_TOO = {"google/gemma-3-4b-it": "gemma3", "google/gemma-4-12B-it": "gemma4_unified"} | {
    f"Qwen/Qwen3.5-{size}": "qwen3_5" for size in ("0.8B", "2B", "4B", "9B")
}
"""Published with eyes: the text part's tensors have other names there."""
# One of each layout that is new.
ALWAYS = {
    "kanana_1.5_2.1b",
    "exaone_4.0_1.2b",
    "gemma3_4b",
    "gemma4_12b",
    "qwen3.5_0.8b",
}
NAMES = [name for name, path in known_configs().items() if path.parent.name == "models"]
CHECKPOINTS = {name: load_config(name).model.checkpoint for name in NAMES}


def tiny_settings(checkpoint: str) -> dict[str, Any]:
    """Return the settings of a tiny model with the shipped one's kind, and what is odd about its sizes."""
    shape = SHIPPED[checkpoint]
    odd = shape["hidden_size"] % shape["num_attention_heads"] != 0  # Kanana 1.5 2.1B
    heads, keys = (6, 2) if odd else (4, min(2, shape["num_key_value_heads"]))
    settings = {"hidden_size": 56 if odd else 64, "num_attention_heads": heads, "num_key_value_heads": keys}
    named = {"head_dim": 16} if shape["model_type"] != "qwen2" else {}
    window = {"sliding_window": 32} if "sliding_window" in shape else {}
    as_published = ("num_global_key_value_heads", "attention_k_eq_v", "final_logit_softcapping")
    window |= {name: shape[name] for name in as_published if name in shape}
    return settings | named | window | {"tie_word_embeddings": shape["tie_word_embeddings"]}


def write_model(folder: Path, checkpoint: str, chat_template: str | None) -> None:
    kind, settings = SHIPPED[checkpoint]["model_type"], tiny_settings(checkpoint)
    # A layout whose tokens are missing would add them, and their rows are trained by another engine.
    tokens = tiny_models.CHATML + (tiny_models.LLAMA3 if chat_template == "llama" else ())
    tokenizer = tiny_tokenizer(tokens, pad_token="<|im_start|>")
    tokenizer.chat_template = CHATML
    if checkpoint in SEES_TOO:
        write_whole(folder, SEES_TOO[checkpoint], kind, **settings)
    else:
        allow_named_head_width()
        torch.manual_seed(0)
        config = architecture_config(kind, tokenizer, pad_token_id=257, **settings)
        AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in ALWAYS else [pytest.mark.slow]) for n in NAMES])
def test_it_trains_evaluates_exports_and_is_planned(name, yoyak, folder):
    checkpoint = CHECKPOINTS[name]
    config = load_config(name)
    write_model(folder / "base", checkpoint, config.model.chat_template)
    write_csv(folder / "train.csv", DIALOGUES, SUMMARIES)
    write_csv(folder / "dev.csv", DIALOGUES[:2], SUMMARIES[:2])
    own = ["model.checkpoint=base", "data.train=train.csv", "data.eval=dev.csv", "dataset.language=en"]
    small = ["tokenizer.encoder_max_len=256", "tokenizer.decoder_max_len=8", "lora.r=4", "training.max_steps=1"]
    trained = yoyak("train", "-e", name, *own, *small, "training.report_to=[]", "experiment.name=run")
    assert trained.code == 0, trained.err
    record = json.loads((folder / "outputs/run/run.json").read_text())
    assert record["status"] == "completed"
    assert record["config"]["dataset"]["format_type"] == config.dataset.format_type
    assert all(
        torch.isfinite(tensor).all()
        for tensor in load_file("outputs/run/final_model/adapter_model.safetensors").values()
    )
    scored = json.loads(yoyak("evaluate", "--adapter", "outputs/run/final_model", "--json").out)
    assert scored["n"] == 2
    exported = json.loads(yoyak("export", "--run", "run", "--to", "merged", "--out", "merged", "--json").out)
    assert exported["loss"]["merged"] == pytest.approx(exported["loss"]["trained"], abs=0.1)
    merged = AutoModelForCausalLM.from_pretrained("merged")
    assert merged.config.model_type == SHIPPED[checkpoint]["model_type"]
    planned = json.loads(yoyak("plan", "-e", name, "--memory-gb", "24", "--json").out)
    assert planned["fits"] is True
    assert record["resolved"]["engine"] == "packed"
    assert planned["engine"] == ("trainer" if config.model.dtype == "fp16" else "packed")  # a GPU's scaler of gradients
    assert 1e9 < planned["peak_bytes"] < 24e9 or name == "smollm2_135m"
