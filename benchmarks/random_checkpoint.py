"""Write a checkpoint of random weights in the exact shape of a large model: right for speed and memory, nothing else.

python benchmarks/random_checkpoint.py llama_3.2_3b DIR --tokenizer TOKENIZER_DIR
"""

import argparse
import random
import shutil
from pathlib import Path
from typing import Any

SHAPES = {
    "tiny": {  # to try a benchmark on a CPU
        "vocab_size": 512,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "tie_word_embeddings": True,
        "max_position_embeddings": 4096,
        "rope_theta": 5e5,
        "rms_norm_eps": 1e-5,
    },
    "smollm2_135m": {
        "vocab_size": 49152,
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "head_dim": 64,
        "tie_word_embeddings": True,
        "max_position_embeddings": 8192,
        "rope_theta": 1e5,
        "rms_norm_eps": 1e-5,
    },
    "llama_3.2_3b": {
        "vocab_size": 128256,
        "hidden_size": 3072,
        "intermediate_size": 8192,
        "num_hidden_layers": 28,
        "num_attention_heads": 24,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "tie_word_embeddings": True,
        "max_position_embeddings": 131072,
        "rope_theta": 5e5,
        "rms_norm_eps": 1e-5,
    },
    "llama_3_8b": {
        "vocab_size": 128256,
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "tie_word_embeddings": False,
        "max_position_embeddings": 8192,
        "rope_theta": 5e5,
        "rms_norm_eps": 1e-5,
    },
    "qwen3_4b": {
        "vocab_size": 151936,
        "hidden_size": 2560,
        "intermediate_size": 9728,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "tie_word_embeddings": True,
        "max_position_embeddings": 262144,
        "rope_theta": 5e6,
        "rms_norm_eps": 1e-6,
    },
}
SHAPES["narrow"] = SHAPES["tiny"] | {
    "num_hidden_layers": 30,
    "hidden_size": 16,
    "intermediate_size": 32,
    "head_dim": 16,
}
SHAPES["narrow"] |= {"num_attention_heads": 1, "num_key_value_heads": 1, "vocab_size": 64}
SHAPES["tiny_untied"] = SHAPES["tiny"] | {"tie_word_embeddings": False, "num_hidden_layers": 3}
SHAPES["llama_3_70b"] = SHAPES["llama_3_8b"] | {
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
}


def config_of(shape: str) -> Any:
    """Return the config of transformers of a shape."""
    from transformers import LlamaConfig, Qwen3Config

    sizes = dict(SHAPES[shape])
    rope_theta = sizes.pop("rope_theta")
    config = (Qwen3Config if shape.startswith("qwen3") else LlamaConfig)(**sizes)
    config.rope_parameters = {"rope_type": "default", "rope_theta": rope_theta}
    return config


def random_model(shape: str) -> Any:
    """Return a model of random bf16 weights, on the GPU where there is one."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        return AutoModelForCausalLM.from_config(config_of(shape), dtype=torch.bfloat16)


def with_random_adapter(model: Any) -> Any:
    """Return a model with an adapter in the model's own type, which `generate` needs no casts for."""
    import torch
    from peft import LoraConfig, get_peft_model

    projections = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules=projections))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.01)
    return model.to(model.dtype).eval()


def random_prompts(vocabulary: int) -> list[list[int]]:
    """Return 499 prompts of random ids; their lengths spread as dialogues' do, about a mean of 300."""
    source = random.Random(0)
    lengths = [min(900, max(60, round(source.lognormvariate(5.62, 0.4)))) for _ in range(499)]
    return [[source.randrange(vocabulary) for _ in range(length)] for length in lengths]


def write_random_checkpoint(shape: str, folder: Path, tokenizer: Path) -> int:
    """Write model and tokenizer files to `folder`; return the number of parameters."""
    model = random_model(shape)
    model.save_pretrained(folder, max_shard_size="40GB")
    for file in tokenizer.iterdir():
        shutil.copyfile(file, folder / file.name)
    return sum(parameter.numel() for parameter in model.parameters())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokenizer", type=Path, required=True)
    given = parser.parse_args()
    print(write_random_checkpoint(given.shape, given.folder, given.tokenizer), "parameters")
