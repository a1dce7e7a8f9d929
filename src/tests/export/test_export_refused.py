"""What `yoyak export` refuses, in a line."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from src.tests.tiny_models import write_tiny_model

pytestmark = pytest.mark.usefixtures("fp32_machine")


@pytest.fixture
def run(trained_once: Any) -> str:
    """Return the folder of the tiny model's adapter."""
    trained_once("evaluation.generate=true")
    return "outputs/tiny_qlora/final_model"


REFUSED = [
    (["--to", "merged", "--out", "x"], "name one of both: --adapter outputs/NAME/final_model, or --run NAME"),
    (["--to", "merged", "--out", "x", "--adapter", "a", "--run", "b"], "name one of both"),
    (["--to", "mergd", "--run", "r", "--out", "x"], "--to mergd: unknown; did you mean 'merged'?"),
    (["--to", "merged", "--run", "nothing", "--out", "x"], "--run nothing: no such run"),
    (["--to", "merged", "--adapter", "nowhere", "--out", "x"], "nowhere: no such adapter folder"),
    (
        ["--to", "merged", "--adapter", "outputs/tiny_qlora", "--out", "x"],
        "name outputs/tiny_qlora/final_model, or --run",
    ),
    (["--to", "merged", "--adapter", "base/..", "--out", "x"], "it is neither adapter nor model"),
    (["--to", "merged", "--run", "tiny_qlora"], "name the export's folder: --out DIR"),
    (["--to", "merged", "--run", "tiny_qlora", "--out", "base"], "--out base: is not empty and holds no export"),
    (["--to", "merged", "--run", "tiny_qlora", "--out", "tiny.yaml"], "--out tiny.yaml: is a file"),
    (["--to", "merged", "--run", "tiny_qlora", "--out", "x", "--base", "orginal"], "it is dequantized or original"),
    (["--to", "merged", "--run", "tiny_qlora", "--out", "x", "--push", "me/x"], "go with --to hub"),
    (["--to", "hub", "--run", "tiny_qlora", "--out", "x", "--push", "me"], "looks like owner/name"),
    (["--to", "gguf", "--run", "tiny_qlora", "--out", "x", "--quantization", "q8"], "did you mean 'q8_0'?"),
    (
        ["--to", "merged", "--run", "tiny_qlora", "--out", "x", "--quantization", "q8_0"],
        "--to merged writes no GGUF model: leave out --quantization",
    ),
    (
        ["--to", "gguf-lora", "--run", "tiny_qlora", "--out", "x", "--base", "original", "--check", "8"],
        "--to gguf-lora merges nothing: leave out --base, --check",
    ),
    (
        ["--to", "hub", "--no-merge", "--run", "tiny_qlora", "--out", "x", "--base", "original"],
        "--base original: the hub gets the adapter alone; add --merge, or leave --base out",
    ),
    (
        ["--to", "hub", "--no-merge", "--run", "tiny_qlora", "--out", "x", "--check", "8"],
        "--check: the hub gets the adapter alone; add --merge, or leave --check out",
    ),
    (
        ["--to", "hub", "--no-merge", "--adapter", "base", "-e", "tiny.yaml", "--out", "x"],
        "--no-merge: base is a whole model; leave it out",
    ),
    (
        ["--to", "merged", "--adapter", "base", "-e", "tiny.yaml", "--out", "x", "lora.r=8"],
        "lora.r is of an adapter, and the model has none; leave it out",
    ),
    (["--to", "merged", "--adapter", "other_base", "--out", "x"], "the adapter does not fit {here}/other"),
    (
        ["--to", "gguf-lora", "--adapter", "other_base", "--out", "x"],
        "does not fit {here}/other: model.layers.0.mlp.down_proj needs",
    ),
    (["--to", "merged", "--adapter", "corrupt", "--out", "x"], "the adapter does not fit"),
    (["--to", "adapter", "--adapter", "corrupt", "--out", "x"], "the adapter is broken"),
    (["--to", "adapter", "--adapter", "dora", "--out", "x"], "vLLM does not load adapters with DoRA; use --to merged"),
    (["--to", "adapter", "--adapter", "base", "-e", "tiny.yaml", "--out", "x"], "is a whole model, without an adapter"),
    (
        ["--to", "adapter", "--adapter", "bare", "--out", "x"],
        "no yoyak.yaml, so its prompt is not known; its base model is ",
    ),
]


@pytest.fixture
def damaged(run: str) -> None:
    """Put copies of the adapter there: on another base, cut short, as DoRA, without its settings."""
    write_tiny_model(Path("other"), intermediate_size=96)
    for name in ("other_base", "corrupt", "dora", "bare"):
        shutil.copytree(run, name)
    settings = Path("other_base/yoyak.yaml")
    settings.write_text(settings.read_text().replace(str(Path.cwd() / "base"), "./other"))
    weights = Path("corrupt/adapter_model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-10])
    config = Path("dora/adapter_config.json")
    config.write_text(json.dumps(json.loads(config.read_text()) | {"use_dora": True}))
    Path("bare/yoyak.yaml").unlink()


def test_what_is_refused_is_one_line_and_exit_2(yoyak: Any, damaged: None) -> None:
    for arguments, said in REFUSED:
        result = yoyak("export", *arguments)
        line = result.err.splitlines()[-1]
        assert (result.code, result.out) == (2, ""), (arguments, result.err)
        assert line.startswith("yoyak: "), line
        assert said.format(here=Path.cwd()) in line, (arguments, line)
        assert "Traceback" not in result.err
        assert not Path("x").exists()
    # Both bases are named where an adapter is put on another's.
    line = yoyak("export", "--to", "merged", "--adapter", "other_base", "--out", "x").err.splitlines()[-1]
    assert f"does not fit {Path.cwd()}/other: " in line
    assert str(Path.cwd() / "base") in line
    assert not [path for path in Path().iterdir() if path.name.startswith(".x")]


@pytest.mark.parametrize(
    ("arguments", "changed", "said"),
    [
        (["--to", "gguf"], {"model_type": "helium"}, "GGUF: helium models are not written here, only llama, mistral"),
        (
            ["--to", "ollama"],
            {"attention_bias": True, "model_type": "qwen3"},
            "llama.cpp does not compute biases as in",
        ),
        (
            ["--to", "merged", "--base", "original"],
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
            "./unwritten is itself stored in 4 bit; leave --base out",
        ),
        (["--to", "merged", "model.chat_template=auto"], {}, "chat template changes its messages"),
    ],
)
def test_what_config_and_tokenizer_tell_is_refused_before_weights_are_read(
    yoyak: Any, run: str, arguments: list[str], changed: dict[str, Any], said: str
) -> None:
    """The base has no weights any more, which would be refused otherwise."""
    shutil.copytree("base", "unwritten")
    Path("unwritten/model.safetensors").unlink()
    config = Path("unwritten/config.json")
    config.write_text(json.dumps(json.loads(config.read_text()) | changed))
    template = "{% for message in messages %}{{ message['content'] | upper }}{% endfor %}"
    Path("unwritten/chat_template.jinja").write_text(template)
    result = yoyak("export", "--adapter", run, *arguments, "model.checkpoint=./unwritten", "--out", "x")
    assert (result.code, result.out) == (2, "")
    assert said in result.err.splitlines()[-1]


def test_llama_cpps_quantizations_name_their_package(yoyak: Any, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.export.gguf_quantize.find_spec", lambda name: None)  # where it is installed too
    result = yoyak("export", "--run", "tiny_qlora", "--to", "gguf", "--quantization", "q4_k_m", "--out", "x")
    assert result.code == 2
    assert "through llama-cpp-python, which is not installed (pip install llama-cpp-python)" in result.err


def test_a_run_without_a_result_is_refused(yoyak: Any, run: str) -> None:
    shutil.rmtree(run)
    result = yoyak("export", "--run", "tiny_qlora", "--to", "merged", "--out", "x")
    assert result.code == 2
    assert "--run tiny_qlora: the run (completed) has no final_model" in result.err


def test_a_folder_without_a_record_is_not_offered_as_a_run(yoyak: Any, run: str) -> None:
    """As a search's average, which no `--run` names."""
    shutil.copytree(run, "average/final_model")
    result = yoyak("export", "--adapter", "average", "--to", "merged", "--out", "x")
    assert (result.code, result.err) == (2, "yoyak: average: is a run's folder; name average/final_model\n")
