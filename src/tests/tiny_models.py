"""Tiny checkpoints for tests: random Llama and Qwen3 models of 2 layers with a byte-level tokenizer, in a folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from src.config.schema import Config
from src.data.llm_dataset import create_llm_dataset
from src.models.autocast import autocast
from src.models.lora_loader import LoRALoader
from src.training.llm_trainer import LLMTrainer
from src.training.loss import response_loss

END = "</s>"  # id 256, right after the bytes
CHATML = ("<|im_start|>", "<|im_end|>")  # ids 257 and 258 where a tokenizer is given them
LLAMA3 = ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
HIDDEN = 64
DIALOGUES = [
    "#Person1#: Hi!\n#Person2#: Hello.",
    "#Person1#: 안녕?\n#Person2#: 응.",
    "A: Go?\nB: Yes.",
    "A: No.\nB: Why?",
]
SUMMARIES = ["They greet.", "인사한다.", "They go.", "A refuses."]


def tiny_tokenizer(tokens: Sequence[str] = CHATML, **special: str) -> PreTrainedTokenizerFast:
    """Return a tokenizer of the 256 bytes, `</s>` (256, the end token) and `tokens` (257, 258, ...) as control tokens.

    `special` names roles, as `pad_token="</s>"`.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(alphabet)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([END, *tokens])
    return PreTrainedTokenizerFast(tokenizer_object=backend, **{"eos_token": END, **special})


def write_tiny_model(
    folder: Path,
    family: str = "llama",
    *,
    tied: bool = True,
    tokenizer: PreTrainedTokenizerFast | None = None,
    rows: int | None = None,
    seed: int = 0,
    **config: Any,
) -> str:
    """Write a checkpoint (`family` is llama or qwen3) and return its folder.

    The embedding has `rows` rows, by default one a token.
    """
    tokenizer = tokenizer or tiny_tokenizer()
    settings: dict[str, Any] = {
        "vocab_size": rows or len(tokenizer),
        "hidden_size": HIDDEN,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "tie_word_embeddings": tied,
        "initializer_range": 0.2,  # larger than usual, so that every weight shows in the logits
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        **({"head_dim": 16} if family == "qwen3" else {}),  # whose own default is no part of the width
        **config,
    }
    model_config = AutoConfig.for_model(family, **settings)
    torch.manual_seed(seed)
    with_layer_factors(AutoModelForCausalLM.from_config(model_config, dtype=torch.float32)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def with_layer_factors(model: Any) -> Any:
    """Return a model with factors of its layers drawn at random, where its class has such (Gemma 4)."""
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            if name.endswith("layer_scalar"):
                buffer.uniform_(0.5, 1.5)
    return model


def tiny_config(checkpoint: str, output_dir: Path | str = "outputs", **settings: Any) -> Config:
    """Return a config for a tiny model; `settings` are `section__key=value` over small defaults."""
    values: dict[str, dict[str, Any]] = {
        "model": {"checkpoint": checkpoint},
        "lora": {"r": 4, "alpha": 8, "dropout": 0.0},
        "tokenizer": {"encoder_max_len": 256, "decoder_max_len": 16},
        "dataset": {"language": "en"},
        "training": {
            "max_steps": 1,
            "batch_size": 2,
            "gradient_accumulation_steps": 1,
            "learning_rate": 1e-2,
            "warmup_ratio": 0.0,
            "report_to": [],
            "logging_steps": 1,
        },
        "experiment": {"name": "tiny", "output_dir": str(output_dir)},
    }
    for name, value in settings.items():
        section, key = name.split("__")
        values.setdefault(section, {})[key] = value
    return Config.model_validate(values)


def tiny_dataset(tokenizer: PreTrainedTokenizerFast, format_type: str = "chat", names: Sequence[str] = ()) -> Any:
    """Return four short examples."""
    return create_llm_dataset(DIALOGUES, SUMMARIES, tokenizer, format_type=format_type, language="en", names=names)


def load_tiny(config: Config) -> tuple[Any, PreTrainedTokenizerFast]:
    """Return the model and tokenizer of a config, as its `lora` section asks for them."""
    return LoRALoader(config).load_model_and_tokenizer(config.lora.use_lora, config.lora.use_qlora)


def logits(model: Any) -> torch.Tensor:
    """Return a model's logits (1, 8, vocabulary), float32, on fixed ids, the last of which is the newest token."""
    ids = torch.tensor([[5, 100, 40, 41, 200, 256, 7, model.get_input_embeddings().weight.shape[0] - 1]])
    model.eval()
    with torch.no_grad(), autocast(model):  # as in training, whose autocast stays on a model that was trained
        result: torch.Tensor = model(input_ids=ids, use_cache=False).logits
    return result.float()


def train_tiny(config: Config, model: Any, tokenizer: PreTrainedTokenizerFast) -> str:
    """Train `training.max_steps` steps on four examples and return the final model's folder."""
    dataset = tiny_dataset(tokenizer, config.dataset.format_type)
    return str(LLMTrainer(config, model, tokenizer, dataset).train()["model_path"])


def reloaded(config: Config, folder: str) -> Any:
    """Return the base model of a config with the adapter of a folder."""
    again = config.model_copy(deep=True)
    again.lora.adapter = folder
    return load_tiny(again)[0]


def trained_gradients(model: Any, tokenizer: PreTrainedTokenizerFast) -> dict[str, torch.Tensor]:
    """Return the gradients of all trainable weights on two examples."""
    items = [tiny_dataset(tokenizer)[index] for index in (0, 1)]
    width = max(len(item["input_ids"]) for item in items)
    fill = {"input_ids": 0, "attention_mask": 0, "labels": -100}
    batch = {
        name: torch.stack([torch.nn.functional.pad(i[name], (0, width - len(i[name])), value=value) for i in items])
        for name, value in fill.items()
    }
    model.zero_grad()
    response_loss(model.get_base_model(), batch)[0].backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.requires_grad and p.grad is not None}
