"""What an export may cost in loss, and what is refused: both losses in a line, nothing kept."""

import json
import math
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from src.data.prompt.templates import EncodedExample
from src.errors import YoyakError
from src.export import merged
from src.export.check import loss_of_file, mean_loss, most_rise, refuse_risen
from src.export.gguf_model import write_model_gguf
from src.tests.export.small_models import logits_of, small_model, splitting_tokenizer
from src.tests.export.test_export_command import exported, names
from src.tests.tiny_models import logits

pytestmark = pytest.mark.usefixtures("fp32_machine")

# 4 targets.
EXAMPLE = EncodedExample(input_ids=[1, 2, 3, 4, 5, 6], prompt_length=2)


def test_what_rounding_may_add_by_hand() -> None:
    # 2% of the loss, and 0.3 / root of 4 target tokens
    assert most_rise(2.0, [EXAMPLE], "f16") == pytest.approx(0.04 + 0.15)
    assert most_rise(2.0, [EXAMPLE] * 4, "q8_0") == pytest.approx(0.04 + 0.075)
    assert most_rise(2.0, [EXAMPLE] * 4, "q4_k_m") == pytest.approx(1.0 + 0.075)


@pytest.mark.parametrize("after", [3.01, math.nan, math.inf])
def test_a_loss_above_that_is_refused_with_both_numbers(after: float) -> None:
    refuse_risen("--to gguf", 2.5, 3.0, 0.5)
    refuse_risen("--to gguf", 2.5, 0.1, 0.5)
    with pytest.raises(YoyakError) as error:
        refuse_risen("--to gguf", 2.5, after, 0.5)
    assert str(error.value) == (
        f"--to gguf: the loss was 2.5000 before and is {after:.4f} as written, which rounding does not explain "
        "(up to 3.0000); nothing was kept"
    )


def test_a_full_gpu_is_said_and_the_cpu_taken() -> None:
    class Full(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.tried = small_model("llama"), 0

        def to(self, *places: Any) -> Any:
            self.tried += 1
            if self.tried == 1:
                raise torch.OutOfMemoryError
            return self.inner

    said: list[str] = []
    loss = loss_of_file(lambda dtype: Full(), [EXAMPLE], "fp32", said.append)
    assert loss == pytest.approx(mean_loss(small_model("llama"), [EXAMPLE]))
    assert said == ["The GPU has no room to check what was written; checking on the CPU ..."]


@pytest.fixture
def run(trained_once: Any) -> Path:
    """Train the tiny model till it knows its four summaries; return its adapter's folder."""
    rate = ("training.max_steps=60", "training.learning_rate=0.01", "training.lr_scheduler_type=constant")
    trained_once(*rate)
    return Path("outputs/tiny_qlora/final_model")


def change(folder: Path, how: Any) -> None:
    """Replace an adapter's tensors."""
    torch.manual_seed(3)
    path = folder / "adapter_model.safetensors"
    save_file({name: how(name, weight) for name, weight in load_file(path).items()}, path, metadata={"format": "pt"})


TARGETS = [
    ["merged"],
    ["gguf"],
    ["gguf", "--quantization", "q8_0"],
    ["ollama"],
    ["hub"],
    ["merged", "--base", "original"],
]


@pytest.mark.long
def test_an_export_that_computes_otherwise_is_refused_and_nothing_kept(
    yoyak: Any, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = exported(yoyak, "--adapter", str(run), "--to", "merged", "--out", "kept")["loss"]
    assert loss["trained"] < 2  # it can be seen to rise
    before = {path.name: path.read_bytes() for path in Path("kept").iterdir()}
    monkeypatch.setattr(merged, "merged_weight", lambda layer: merged.frozen_weight(layer.get_base_layer()))
    for to in TARGETS:
        for out in ("new", "kept"):
            result = yoyak("export", "--adapter", run, "--to", *to, "--out", out, "--overwrite")
            line = result.err.splitlines()[-1]
            assert (result.code, result.out) == (2, ""), (to, result.err)
            assert line.startswith(f"yoyak: --to {to[0]}: the loss was "), line
            assert line.endswith("nothing was kept")
            assert not [path for path in Path().iterdir() if path.name.startswith((".new", "new", ".kept"))]
            assert {path.name: path.read_bytes() for path in Path("kept").iterdir()} == before
    result = yoyak("export", "--adapter", run, "--to", "hub", "--dry-run")
    assert (result.code, "the loss was " in result.err) == (2, True)
    # Without a check it goes through, and it is said that nothing was checked.
    result = yoyak("export", "--adapter", run, "--to", "merged", "--out", "new", "--check", "0")
    assert (result.code, result.out.splitlines()[0]) == (0, "The loss was not checked (--check 0)")
    assert json.loads(Path("new/yoyak_export.json").read_text())["loss"] is None


def test_what_is_checked_is_what_was_written(yoyak: Any, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = gguf.quants.quantize
    monkeypatch.setattr(gguf.quants, "quantize", lambda values, kind: right(values[::-1].copy(), kind))
    result = yoyak("export", "--adapter", run, "--to", "gguf", "--out", "g")
    assert (result.code, "--to gguf: the loss was " in result.err) == (2, True)
    assert not Path("g").exists()


def test_a_loss_that_is_no_number_is_refused(yoyak: Any, run: Path) -> None:
    change(run, lambda name, weight: weight * 1e38 if "layers.1.self_attn.v_proj.lora_A" in name else weight)
    for to in ("merged", "gguf", "hub"):
        result = yoyak("export", "--adapter", run, "--to", to, "--out", "x")
        line = f"yoyak: {run}: its loss is nan: the adapter or its base is broken; train it again"
        assert (result.code, result.err.splitlines()[-1]) == (2, line)
        assert not Path("x").exists()


def test_a_missing_evaluation_file_is_said(yoyak: Any, run: Path) -> None:
    Path("dev.csv").unlink()
    result = yoyak("export", "--adapter", run, "--to", "merged", "--out", "m", "--json")
    assert result.code == 0, result.err
    assert "The loss is checked on sample:en/dev.csv: " in result.err
    assert json.loads(result.out)["loss"]["dialogues"] == 4


@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`")
@pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers` to `True`")
@pytest.mark.filterwarnings("ignore:Model with `tie_word_embeddings=True`")
@pytest.mark.parametrize("layers", [["q_proj", "embed_tokens"], ["q_proj", "lm_head"]], ids="-".join)
def test_an_adapter_on_a_tied_embedding_is_exported_whole(yoyak: Any, run: Path, layers: list[str]) -> None:
    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained("base", dtype=torch.float32)
    assert base.config.tie_word_embeddings
    base.resize_token_embeddings(260, mean_resizing=False)  # as the loader does for the pad token
    adapted = get_peft_model(base, LoraConfig(r=2, init_lora_weights=False, target_modules=layers)).eval()
    before = logits(adapted)
    adapted.save_pretrained(run)
    config = run / "yoyak.yaml"
    config.write_text(config.read_text().replace("use_qlora: true", "use_qlora: false"))
    for to, out in (("merged", "m"), ("gguf", "g"), ("ollama", "o"), ("hub", "h")):
        loss = exported(yoyak, "--adapter", str(run), "--to", to, "--out", out)["loss"]
        assert loss["merged"] == pytest.approx(loss["trained"], abs=0.05)
    again = AutoModelForCausalLM.from_pretrained("m", dtype=torch.float32)
    assert ((logits(again) - before).norm() / before.norm()) < 0.02  # bf16
    assert names("g") == {"tiny_qlora-f16.gguf", "yoyak_export.json"}


def test_llama_3_1_factors_are_read_back(tmp_path: Path) -> None:
    from src.export.gguf_read import read_model_gguf

    rope = {"rope_type": "llama3", "rope_theta": 10_000.0, "factor": 8.0, "low_freq_factor": 1.0}
    rope |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    model = small_model("llama", rope_parameters=rope)
    path = tmp_path / "m.gguf"
    tokenizer = splitting_tokenizer()
    write_model_gguf(path, model, tokenizer, "f32", name="m", end_id=261, add_bos=False, chat_template=None)
    again = read_model_gguf(path, type(model), model.config, torch.float32)
    assert torch.allclose(logits_of(again), logits_of(model), atol=1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_a_model_is_given_back_in_its_mode(training: bool) -> None:
    model = small_model("llama").train(training)
    mean_loss(model, [EXAMPLE])
    assert model.training is training
