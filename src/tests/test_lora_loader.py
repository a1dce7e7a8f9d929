"""Four tests of the loader on the bundled model: `python src/tests/test_lora_loader.py`, or under pytest."""

import os
import sys
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    # Python puts the script's own folder first, where a test's helper could hide a library of its name.
    sys.path[0] = str(ROOT)

# Threads that spin while they wait take 8 times as long on a machine whose cores have other work too.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402

from src.config import load_config  # noqa: E402
from src.config.schema import Config  # noqa: E402
from src.models.bundled import bundled_path  # noqa: E402
from src.models.lora_loader import LoRALoader, load_lora_model_and_tokenizer  # noqa: E402

PROJECTIONS = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def bundled_config() -> Config:
    """Return the bundled model's shipped config, read from its file."""
    return load_config(ROOT / "configs" / "models" / "smollm2_135m.yaml")


def test_loader_construction() -> None:
    config = bundled_config()
    loader = LoRALoader(config)
    assert loader.config is config
    assert loader.logger.name == "yoyak"
    assert loader.added_token_ids == []
    settings = loader._create_bnb_config()
    assert (settings.load_in_4bit, settings.bnb_4bit_quant_type, settings.bnb_4bit_use_double_quant) == (
        True,
        "nf4",
        True,
    )
    assert settings.bnb_4bit_compute_dtype == loader.compute.torch_dtype


def test_tokenizer_loading() -> None:
    loader = LoRALoader(bundled_config())
    tokenizer = loader._load_tokenizer("bundled:smollm2-135m")
    assert (tokenizer.padding_side, tokenizer.truncation_side) == ("left", "left")
    assert tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|im_start|>", "<|im_end|>"]) == [0, 1, 2]
    assert (tokenizer.pad_token, tokenizer.eos_token) == ("<|endoftext|>", "<|im_end|>")
    assert len(tokenizer) == 49_152
    assert tokenizer.decode(tokenizer("안녕하세요, hello").input_ids) == "안녕하세요, hello"


def test_lora_config() -> None:
    loader = LoRALoader(bundled_config())
    model = loader._apply_lora(loader._load_causal_lm("bundled:smollm2-135m", None))
    adapter = model.peft_config["default"]
    assert (adapter.r, adapter.lora_alpha, adapter.lora_dropout) == (16, 32, 0.05)
    assert adapter.target_modules == PROJECTIONS
    # A layer's seven projections have 576 x (576 + 192 + 192 + 576) and 3 x 576 x 1536 weights; rank 16 adds to each
    # 16 x (inputs + outputs): 16 x (1152 + 768 + 768 + 1152 + 3 x 2112) = 162,816, in 30 layers.
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 30 * 162_816
    assert all(("lora_" in name) == p.requires_grad for name, p in model.named_parameters())


def test_convenience_function() -> None:
    model, tokenizer = load_lora_model_and_tokenizer(bundled_config(), use_lora=True, use_qlora=True)
    layer = model.get_submodule("base_model.model.model.layers.0.self_attn.q_proj.base_layer")
    assert layer.weight.quant_state.quant_type == "nf4"
    assert layer.weight.quant_state.nested  # double quantization
    assert model.config.use_cache is False
    assert model.config.pad_token_id == tokenizer.pad_token_id == 0
    ids = tokenizer("The capital of France is", return_tensors="pt").input_ids
    model.eval()
    with torch.inference_mode():
        assert tokenizer.decode(model(ids).logits[0, -1].argmax()) == " Paris"


def main() -> int:
    """Run the four tests, print how many passed, and return 0 when all did."""
    tests = (test_loader_construction, test_tokenizer_loading, test_lora_config, test_convenience_function)
    passed = 0
    for test in tests:
        try:
            test()
        except Exception:
            traceback.print_exc()
            print(f"failed  {test.__name__}")
        else:
            passed += 1
            print(f"passed  {test.__name__}")
    print(f"{passed}/{len(tests)} tests passed")
    if passed < len(tests) and not bundled_path("smollm2-135m").is_dir():
        print("The bundled model is not here: run make install, or yoyak models fetch smollm2-135m")
    return 0 if passed == len(tests) else 1


if __name__ == "__main__":
    sys.exit(main())
