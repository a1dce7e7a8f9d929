"""`yoyak export`, from a run on a tiny model to each form."""

import json
import os
import shlex
import signal
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer

from src.commands.export import export_whole
from src.tests.tiny_models import logits

pytestmark = pytest.mark.usefixtures("fp32_machine")


@pytest.fixture
def run(trained_once: Any) -> str:
    """Return the folder of the tiny model's adapter."""
    trained_once("evaluation.generate=true")
    return "outputs/tiny_qlora/final_model"


def exported(yoyak: Any, *arguments: str) -> dict[str, Any]:
    result = yoyak("export", *arguments, "--json")
    assert result.code == 0, result.err
    parsed: dict[str, Any] = json.loads(result.out)
    return parsed


def names(folder: str) -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


def test_merged(yoyak: Any, run: str) -> None:
    result = exported(yoyak, "--run", "tiny_qlora", "--to", "merged", "--out", "new/merged")
    assert result["loss"]["dialogues"] == 2
    assert result["loss"]["merged"] == pytest.approx(result["loss"]["trained"], abs=0.05)
    assert result["base"] == "dequantized"
    assert names("new") == {"merged"}
    assert {"model.safetensors", "config.json", "generation_config.json", "chat_template.jinja"} <= names("new/merged")
    assert json.loads(Path("new/merged/yoyak_export.json").read_text())["merged_onto"] == "dequantized"
    model = AutoModelForCausalLM.from_pretrained("new/merged")
    assert model.dtype == torch.bfloat16
    # Its settings make it a model of yoyak's, and it can be exported further.
    said = yoyak("summarize", "A: Hi.", "-e", "new/merged/yoyak.yaml", "--json")
    assert said.code == 0, said.err
    again = exported(yoyak, "--adapter", "new/merged", "--to", "merged", "--out", "again", "--check", "0")
    assert (again["loss"], again["base"]) == (None, None)
    assert torch.equal(logits(AutoModelForCausalLM.from_pretrained("again")), logits(model))


def test_stopped_by_sigterm(yoyak: Any, run: str, monkeypatch: pytest.MonkeyPatch, survives_sigterm: None) -> None:
    checked = export_whole._checked_loss

    def told(*arguments: Any) -> float:
        assert len(list(Path("new").iterdir())) == 1  # what is half-written
        os.kill(os.getpid(), signal.SIGTERM)
        return checked(*arguments)

    monkeypatch.setattr(export_whole, "_checked_loss", told)
    assert yoyak("export", "--adapter", run, "--to", "merged", "--out", "new/merged").code == 143
    assert not Path("new").exists()


def test_terms_of_the_base_go_along(yoyak: Any, run: str) -> None:
    Path("base/NOTICE").write_text("Base is provided under terms.")
    Path("base/BASE_TERMS.html").write_text("<p>terms</p>")
    Path("base/other.txt").write_text("no terms")
    for to in ("merged", "adapter", "gguf", "gguf-lora"):
        exported(yoyak, "--adapter", run, "--to", to, "--out", to)
        assert {"NOTICE", "BASE_TERMS.html"} <= names(to)
        assert "other.txt" not in names(to)
    assert Path("gguf/NOTICE").read_text() == "Base is provided under terms."


def test_merged_onto_the_original_weights(yoyak: Any, run: str) -> None:
    onto = exported(yoyak, "--adapter", run, "--to", "merged", "--out", "original", "--base", "original")
    result = yoyak("export", "--adapter", run, "--to", "merged", "--out", "dequantized")
    ours, theirs = (
        AutoModelForCausalLM.from_pretrained(name).model.layers[0].mlp.up_proj.weight.float()
        for name in ("dequantized", "original")
    )
    base = AutoModelForCausalLM.from_pretrained("base").model.layers[0].mlp.up_proj.weight.float()
    assert (theirs - base).abs().mean() < 0.3 * (ours - base).abs().mean()  # 4-bit steps are larger than one training's
    assert onto["base"] == "original"
    assert onto["loss"]["merged"] != pytest.approx(onto["loss"]["trained"], abs=1e-6)
    assert result.out.startswith("Loss on 2 dialogues: ")
    assert "as trained, " in result.out
    assert " merged onto the dequantized weights\nWritten to dequantized: 8 files, " in result.out
    assert "Next: vllm serve dequantized" in result.out


def test_weights_that_were_never_in_4_bit_are_not_said_to_be_dequantized(yoyak: Any, run: str) -> None:
    result = yoyak("export", "--adapter", run, "--to", "merged", "--out", "plain", "lora.use_qlora=false")
    assert " as written\nWritten to plain: " in result.out
    assert json.loads(Path("plain/yoyak_export.json").read_text())["merged_onto"] is None


@pytest.mark.parametrize("quantization", ["f16", "q8_0"])
def test_gguf(yoyak: Any, run: str, quantization: str) -> None:
    exported(yoyak, "--adapter", run, "--to", "gguf", "--quantization", quantization, "--out", "g")
    assert names("g") == {f"tiny_qlora-{quantization}.gguf", "yoyak_export.json"}
    fields = gguf.GGUFReader(f"g/tiny_qlora-{quantization}.gguf").fields
    assert fields["general.name"].contents() == "tiny_qlora"
    assert fields["tokenizer.ggml.eos_token_id"].contents() == 258  # <|im_end|>, not the tokenizer's </s>
    assert fields["tokenizer.ggml.add_bos_token"].contents() is False
    assert "You are an expert at summarizing dialogues." in fields["tokenizer.chat_template"].contents()


def test_gguf_lora(yoyak: Any, run: str) -> None:
    result = exported(yoyak, "--adapter", run, "--to", "gguf-lora", "--out", "g")
    assert (result["tensors"], names("g")) == (28, {"tiny_qlora-lora.gguf", "yoyak_export.json"})
    assert gguf.GGUFReader("g/tiny_qlora-lora.gguf").fields["adapter.lora.alpha"].contents() == 32.0


def test_ollama(yoyak: Any, run: str) -> None:
    exported(yoyak, "--run", "outputs/tiny_qlora", "--to", "ollama", "--out", "o")
    assert names("o") == {"tiny_qlora-f16.gguf", "Modelfile", "yoyak_export.json"}
    text = Path("o/Modelfile").read_text()
    assert "FROM ./tiny_qlora-f16.gguf\n" in text
    assert 'PARAMETER stop "<|im_end|>"\n' in text
    assert "PARAMETER num_ctx 512\n" in text  # 256 + 8, in steps of 256; the model's own limit


def test_what_comes_next_is_quoted_for_a_shell(yoyak: Any, run: str) -> None:
    said = exported(yoyak, "--adapter", run, "--to", "adapter", "--out", "a; rm b")["next"]
    assert shlex.split(said)[-2:] == ["--lora-modules", "tiny_qlora=a; rm b"]
    said = exported(yoyak, "--adapter", run, "--to", "ollama", "--out", "o p")["next"]
    assert shlex.split(said) == ["ollama", "create", "tiny_qlora", "-f", "o p/Modelfile"]


def test_adapter(yoyak: Any, run: str) -> None:
    result = exported(yoyak, "--adapter", run, "--to", "adapter", "--out", "a")
    assert result["max_lora_rank"] == 8
    assert {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "yoyak.yaml"} <= names("a")
    assert "--enable-lora --max-lora-rank 8 --lora-modules tiny_qlora=a" in result["next"]
    ours, theirs = (
        json.loads(yoyak("summarize", "A: Hi.", "--adapter", folder, "--json").out)["summary"] for folder in ("a", run)
    )
    assert ours == theirs
    scored = json.loads(yoyak("evaluate", "--adapter", "a", "--json").out)  # on the run's own dialogues
    assert scored["n"] == 2
    for folder in ("a", run):
        assert AutoTokenizer.from_pretrained(folder).padding_side == "left"
    assert "<|im_start|>" in AutoTokenizer.from_pretrained("a").chat_template


def test_hub(yoyak: Any, run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Others can't get a base that lies in a folder, so the weights go whole, unless it is asked for otherwise.
    listed = exported(yoyak, "--run", "tiny_qlora", "--to", "hub", "--dry-run")
    assert {"model.safetensors", "README.md"} <= {file["name"] for file in listed["files"]}
    assert all(file["bytes"] > 0 for file in listed["files"])
    assert (listed["dry_run"], listed["folder"]) == (True, None)
    exported(yoyak, "--run", "tiny_qlora", "--to", "hub", "--no-merge", "--out", "h")
    assert "adapter_model.safetensors" in names("h")
    card = Path("h/README.md").read_text()
    assert "| ROUGE sum |" in card
    assert "Tokenization `word`" in card
    for path in Path("h").iterdir():  # nothing tells where this machine keeps things
        assert str(tmp_path).encode() not in path.read_bytes(), path
    assert yaml.safe_load(Path("h/yoyak.yaml").read_text())["model"]["checkpoint"] == "./base"
    assert json.loads(Path("h/adapter_config.json").read_text())["base_model_name_or_path"] == "./base"
    assert "base_model:" not in card  # a folder's name would be a link to a stranger's model
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    sent = yoyak("export", "--run", "tiny_qlora", "--to", "hub", "--out", "s", "--push", "me/calls")
    assert sent.code == 2
    assert sent.err.splitlines()[-1].startswith("yoyak: --push me/calls: ")
    assert "the folder is ready in s: log in with `hf auth login`, then `hf upload me/calls s`" in sent.err
    assert "model.safetensors" in names("s")


def test_an_export_is_replaced_only_when_asked(yoyak: Any, run: str) -> None:
    arguments = ("--run", "tiny_qlora", "--to", "gguf-lora", "--out", "g")
    exported(yoyak, *arguments)
    again = yoyak("export", *arguments)
    assert again.code == 2
    assert "--out g: holds an export; pass --overwrite to replace it" in again.err
    exported(yoyak, *arguments, "--overwrite")
    exported(yoyak, *arguments, "--force")
