"""The records of architectures: their values, what transformers builds, and that nothing is decided elsewhere."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import gguf
import pytest
import torch
from transformers import AutoModelForCausalLM

from src import architectures
from src.architectures import ARCHITECTURES, CHAT_LAYOUTS, LINEARS, ChatTemplate
from src.export.gguf_architectures import GGUF_ARCHITECTURES
from src.planner.shapes import shape_of_config
from src.tests.tiny_architectures import architecture_config
from src.written_classes import WRITTEN_TYPES

SOURCES = Path(architectures.__file__).parent


def test_the_layouts_tokens_are_those_of_the_specification() -> None:
    llama, qwen = CHAT_LAYOUTS["llama"], CHAT_LAYOUTS["qwen"]
    assert llama.control_tokens == ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
    assert qwen.control_tokens == ("<|im_start|>", "<|im_end|>")
    assert (llama.end_of_turn, qwen.end_of_turn) == ("<|eot_id|>", "<|im_end|>")
    assert (llama.bos, qwen.bos) == ("<|begin_of_text|>", None)
    assert (*CHAT_LAYOUTS, "auto") == get_args(ChatTemplate)


def test_the_layout_of_checkpoints_whose_tokenizer_has_none() -> None:
    layouts = {name: architecture.layout.name for name, architecture in ARCHITECTURES.items()}
    assert layouts == {"llama": "llama", "qwen2": "qwen", "qwen3": "qwen"}


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("settings", [{}, {"tie_word_embeddings": False}], ids=["as it is", "untied"])
def test_a_record_says_what_transformers_builds(name: str, settings: dict[str, bool]) -> None:
    config, record = architecture_config(name, **settings), WRITTEN_TYPES[name]
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    assert type(model).__module__ == f"transformers.models.{name}.modeling_{name}"
    for layer in model.model.layers:
        attention = layer.self_attn
        biases = {getattr(attention, part).bias is not None for part in ("q_proj", "k_proj", "v_proj")}
        assert biases == {record.qkv_biases}
        assert hasattr(attention, "q_norm") == hasattr(attention, "k_norm") == record.head_norms
        matrices = [path.rpartition(".")[2] for path, module in layer.named_modules() if hasattr(module, "in_features")]
        assert sorted(matrices) == sorted(LINEARS)
    shape = shape_of_config(config.to_dict(), name)
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())


def test_llama_cpp_has_each_architecture() -> None:
    assert {its.name for its in GGUF_ARCHITECTURES.values()} <= {*gguf.MODEL_ARCH_NAMES.values()}
    assert GGUF_ARCHITECTURES.keys() <= WRITTEN_TYPES.keys()


# Where a record's name may stand outside of the records, and why.
ELSEWHERE = {
    ("commands/plan_cli.py", "llama_3.2_3b"): "a shipped config",
    ("models/head_width.py", "LlamaConfig"): "a fault of that class",
    ("export/gguf_model.py", "LlamaFileType"): "gguf's name of what a file is stored in",
    ("export/gguf_model.py", "llama3"): "transformers' name of a rotary scaling",
    ("decoder/described.py", "llama_4_scaling_beta"): "transformers' name of a setting",
    ("export/gguf_settings.py", "LlamaFileType"): "gguf's name of what a file is stored in",
    ("export/gguf_tokenizer.py", "llama"): "llama.cpp's name of SentencePiece",
    ("export/gguf_read.py", "llama3"): "transformers' name of a rotary scaling",
}
LLAMA_CPP = {
    "export/gguf_architectures.py",  # what llama.cpp computes by an architecture's name
    "export/gguf_quantize.py",  # whose package has llama in all its names
}


def names_in(code: str) -> Iterator[str]:
    """Yield identifiers and texts that begin as an architecture's name does, or a part behind a dot; no docstrings."""
    kinds = {re.sub(r"\d.*", "", name) for name in (*ARCHITECTURES, *CHAT_LAYOUTS)}
    named = re.compile(rf"([\w.]*\.)?({'|'.join(kinds)})[\w.-]*", re.IGNORECASE)
    nodes = list(ast.walk(ast.parse(code)))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        texts = [getattr(node, field, None) for field in ("id", "attr", "name", "module")]
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            texts.append(node.value)
        yield from (text for text in texts if isinstance(text, str) and named.fullmatch(text))


def test_no_other_place_decides_by_an_architectures_name() -> None:
    files = {
        str(path.relative_to(SOURCES)): path
        for path in SOURCES.rglob("*.py")
        if "tests" not in path.relative_to(SOURCES).parts
    }
    found = {
        (file, name)
        for file in files.keys() - {"architectures.py", "written_classes.py", *LLAMA_CPP}
        for name in names_in(files[file].read_text(encoding="utf-8"))
    }
    assert found == set(ELSEWHERE)
    assert len(files) > 250


@pytest.mark.parametrize(
    "code",
    ['kind == "qwen3"', 'name.startswith("Llama-")', "Qwen3Config()", 'm = "transformers.models.llama.modeling_llama"'],
)
def test_a_decision_by_name_is_seen(code: str) -> None:
    assert len(list(names_in(code))) == 1
    assert list(names_in('"""A Llama.\\n\\nQwen3 too."""\nsay("GGUF: llama.cpp")')) == []
