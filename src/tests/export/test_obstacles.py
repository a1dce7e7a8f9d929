"""What can't be exported is known before the training, and said once."""

import json
from pathlib import Path
from typing import Any

import pytest
from peft import LoraConfig, get_peft_model
from tokenizers import models, pre_tokenizers
from transformers import LlamaForCausalLM

from src.data.prompt.templates import configured_prompt
from src.errors import YoyakError
from src.export.gguf_model import refuse_unwritten
from src.export.obstacles import export_obstacles, obstacles_sentence
from src.tests.export.small_models import small_model, splitting_tokenizer
from src.tests.export.test_merged_experts import experts_model
from src.tests.tiny_models import tiny_config


def found(model: Any, tokenizer: Any = None, **settings: Any) -> dict[str, str]:
    config = tiny_config("base", **settings)
    tokenizer = tokenizer or splitting_tokenizer()
    return export_obstacles(config, model, tokenizer, configured_prompt(config, tokenizer))


def adapted(family: str = "llama", **settings: Any) -> Any:
    layers = ["q_proj", "up_proj"]
    return get_peft_model(small_model(family), LoraConfig(**{"r": 2, "target_modules": layers, **settings}))


def test_nothing_stands_against_a_plain_adapter_or_a_whole_model() -> None:
    assert found(adapted()) == {}
    assert found(small_model("qwen3")) == {}


@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`")
def test_kinds_of_adapters() -> None:
    dora = found(adapted(use_dora=True))
    assert dora == {"adapter": "DoRA", "gguf-lora": "DoRA's magnitudes"}
    assert found(adapted(target_modules=["lm_head"]), None).keys() == {"adapter"}
    rows = found(adapted(trainable_token_indices={"embed_tokens": [3]}))
    assert rows == {"adapter": "trained rows of added tokens", "gguf-lora": "rows of added tokens"}


@pytest.mark.filterwarnings("ignore:The following .* keys did not match")
def test_families_and_tokenizers() -> None:
    experts = found(experts_model("qwen3_moe", {"target_modules": ["q_proj"]}))
    assert experts.keys() == {"gguf", "ollama", "gguf-lora"}
    assert experts["gguf"].startswith("GGUF: qwen3_moe models are not written here")
    tokenizer = splitting_tokenizer()
    spaces = pre_tokenizers.Split(" ", "isolated")  # a way of splitting that llama.cpp has no name for
    bytewise = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([spaces, spaces, bytewise])
    tokenizer.backend_tokenizer.model = models.BPE(
        {**tokenizer.backend_tokenizer.get_vocab(False), "ab": 300}, [("a", "b")]
    )
    assert found(adapted(), tokenizer).keys() == {"gguf", "ollama"}


def test_what_llama_cpp_would_compute_otherwise_is_refused() -> None:
    class Own(LlamaForCausalLM):
        pass

    refuse_unwritten(small_model("qwen2"))
    for model, what in (
        (Own(small_model("llama").config), "llama.cpp does not compute the checkpoint's own code for llama models"),
        (small_model("llama", hidden_act="gelu"), "the activation GELUActivation is not written out"),
        (
            small_model("qwen2", use_sliding_window=True, sliding_window=8, max_window_layers=1),
            "llama.cpp does not compute attention in a sliding window as in layer 1 for qwen2 models",
        ),
    ):
        with pytest.raises(YoyakError, match=f"^GGUF: {what}; export merged$"):
            refuse_unwritten(model)


def test_targets_of_one_reason_stand_together() -> None:
    reasons = {"gguf": "no place", "ollama": "no place", "adapter": "DoRA"}
    assert obstacles_sentence(reasons) == "to gguf, ollama (no place); to adapter (DoRA)"


def test_a_run_says_it_before_its_first_step(yoyak: Any, tiny: Path) -> None:
    result = yoyak("train", "-e", "tiny.yaml", "lora.use_dora=true")
    assert result.code == 0, result.err
    said = result.out + result.err
    line = "What this run trains can't be exported to adapter (DoRA)"
    assert said.count(line) == 1
    assert said.index(line) < said.index("Trained 2 steps")
    resolved = json.loads(Path("outputs/tiny_qlora/run.json").read_text())["resolved"]
    assert resolved["no_export"]["adapter"] == "DoRA"
