"""llama.cpp itself on our files: the same tokens, the same greedy text, the same logits with an adapter.

Needs llama-cpp-python, which builds llama.cpp from source (12 minutes on one quiet core):
`CMAKE_BUILD_PARALLEL_LEVEL=1 pip install llama-cpp-python`.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from src.config.schema import DataSettings
from src.data.files.sources import load_dialogues
from src.export.adapter_file import read_adapter
from src.export.gguf_lora import write_lora_gguf
from src.export.gguf_model import write_model_gguf
from src.export.gguf_quantize import quantize_with_llama_cpp
from src.export.merged import merge_adapter
from src.models.lora_loader import LoRALoader
from src.tests.export.small_models import small_model, splitting_tokenizer
from src.tests.export.test_chat_template import config_of, encoder_of, prompt_of, tokenizer_of
from src.tests.real_tokenizers import smollm2_tokenizer
from src.tests.tiny_models import load_tiny, tiny_config, train_tiny, write_tiny_model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("llama_cpp") is None, reason="llama-cpp-python is not installed"),
]
NEW_TOKENS = 24


def open_file(path: Path, **options: Any) -> Any:
    import llama_cpp

    return llama_cpp.Llama(str(path), n_ctx=1024, n_threads=1, n_threads_batch=1, verbose=False, **options)


def write(path: Path, model: Any, tokenizer: Any, quantization: str, end_id: int, add_bos: bool = False) -> Path:
    write_model_gguf(path, model, tokenizer, quantization, name="m", end_id=end_id, add_bos=add_bos, chat_template=None)
    return path


@pytest.fixture(scope="module")
def bundled() -> Any:
    folder = smollm2_tokenizer().name_or_path
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def dialogues(language: str, count: int) -> list[str]:
    return [row.dialogue for row in load_dialogues(f"sample:{language}/dev.csv", DataSettings()).rows[:count]]


@pytest.mark.parametrize("quantization", ["f32", "f16"])
def test_tokens_and_greedy_text_are_equal(tmp_path: Path, bundled: Any, quantization: str) -> None:
    tokenizer = smollm2_tokenizer()
    prompt = prompt_of(config_of("qwen", language="en"), tokenizer, encoder_of("smollm2"))
    llama = open_file(write(tmp_path / "m.gguf", bundled, tokenizer, quantization, prompt.end_id))
    assert llama.token_eos() == prompt.end_id
    for dialogue in (*dialogues("en", 2), *dialogues("ko", 1)):
        ids = prompt.encode_prompt(dialogue)
        assert llama.tokenize(tokenizer.decode(ids).encode(), add_bos=True, special=True) == ids
        with torch.inference_mode():
            output = bundled.generate(torch.tensor([ids]), max_new_tokens=NEW_TOKENS, do_sample=False)
        expected = output[0, len(ids) :].tolist()
        llama.reset()
        written = [i for i, _ in zip(llama.generate(ids, temp=0.0, repeat_penalty=1.0), expected, strict=False)]
        assert written == expected


@pytest.mark.parametrize("name", ["smollm2", "llama3", "qwen3"])
def test_the_tokens_of_all_dialogues_are_equal(tmp_path: Path, name: str) -> None:
    tokenizer = tokenizer_of(name)
    small = small_model("llama", vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1)
    llama = open_file(
        write(tmp_path / "m.gguf", small, tokenizer, "q8_0", 2, add_bos=name == "llama3"), vocab_only=True
    )
    texts = [*dialogues("en", 20), *dialogues("ko", 20), "It's 12:30,  call 010-1234\tat\n\n 5 or 15! (3 kg) I'LL"]
    for text in texts:
        assert llama.tokenize(text.encode(), add_bos=True, special=False) == tokenizer(text).input_ids


@pytest.mark.usefixtures("fp32_machine")
@pytest.mark.parametrize("family", ["llama", "qwen3"])
@pytest.mark.parametrize("use_rslora", [False, True])
def test_the_adapter_alone_gives_the_logits_of_the_merged_model(tmp_path: Path, family: str, use_rslora: bool) -> None:
    tokenizer = splitting_tokenizer()
    checkpoint = write_tiny_model(tmp_path / "base", family, tokenizer=tokenizer)
    config = tiny_config(checkpoint, tmp_path, lora__use_qlora=False, lora__use_rslora=use_rslora)
    model, _ = load_tiny(config)
    folder = Path(train_tiny(config, model, tokenizer))
    plain, _ = LoRALoader(config).load_model_and_tokenizer(use_lora=False)
    base = write(tmp_path / "base.gguf", merge_adapter(plain, torch.float32), tokenizer, "f32", 261)
    write_lora_gguf(tmp_path / "lora.gguf", read_adapter(folder), AutoConfig.from_pretrained(checkpoint), "m")
    merged = merge_adapter(model, torch.float32)
    ids = [260, 65, 66, 10, 200, 201, 261, 100]
    with torch.inference_mode():
        expected = merged(torch.tensor([ids])).logits[0].numpy()
    lora = str(tmp_path / "lora.gguf")
    without = _logits(open_file(base, logits_all=True), ids)
    adapted = _logits(open_file(base, logits_all=True, lora_path=lora), ids)
    assert np.allclose(adapted, expected, atol=0.02)
    assert np.abs(without - expected).max() > 0.2


def _logits(llama: Any, ids: list[int]) -> np.ndarray:
    llama.eval(ids)
    result: np.ndarray = llama.scores[: len(ids)].copy()
    return result


def test_other_quantizations(tmp_path: Path, bundled: Any) -> None:
    source = write(tmp_path / "f16.gguf", bundled, smollm2_tokenizer(), "f16", 2)
    quantize_with_llama_cpp(source, tmp_path / "q4.gguf", "q4_k_m")
    assert (tmp_path / "q4.gguf").stat().st_size < 0.5 * source.stat().st_size
    reader = gguf.GGUFReader(tmp_path / "q4.gguf")
    assert reader.fields["general.file_type"].contents() == gguf.LlamaFileType.MOSTLY_Q4_K_M
    assert reader.fields["tokenizer.ggml.pre"].contents() == "gpt-2"
