"""`yoyak export --average-with`: the mean of several runs' weights, in each form, and what is refused."""

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import yaml
from transformers import AutoModelForCausalLM

from src.commands.export import export_mean
from src.models.adapters import load_adapter
from src.tests.tiny_models import logits, write_tiny_model

pytestmark = pytest.mark.usefixtures("fp32_machine")
MEAN = ("export", "--run", "tiny_qlora", "--average-with", "seed_7")


@pytest.fixture
def runs(trained_once: Any) -> None:
    """Enter a folder with the run `tiny_qlora` and two like it, `seed_7` and `seed_8`, with other weights."""
    trained_once("evaluation.generate=true")
    for seed in (7, 8):
        write_run(f"seed_{seed}", seed)


def write_run(name: str, seed: int, **settings: Any) -> None:
    """Copy the run to `outputs/NAME` with settings of its own, `section__key=value`, and weights by `seed`."""
    run = Path("outputs") / name
    shutil.copytree("outputs/tiny_qlora", run)
    config = yaml.safe_load((run / "final_model/yoyak.yaml").read_text())
    for setting, value in {"experiment__name": name, "training__seed": seed, **settings}.items():
        section, key = setting.split("__")
        config[section][key] = value
    (run / "final_model/yoyak.yaml").write_text(yaml.safe_dump(config))
    weights = run / "final_model/adapter_model.safetensors"
    chance = torch.Generator().manual_seed(seed)
    moved = {
        key: value + 0.1 * torch.randn(value.shape, generator=chance)
        for key, value in safetensors.torch.load_file(weights).items()
    }
    safetensors.torch.save_file(moved, weights, {"format": "pt"})


def done(yoyak: Any, *arguments: str) -> dict[str, Any]:
    result = yoyak(*arguments, "--json")
    assert result.code == 0, result.err
    parsed: dict[str, Any] = json.loads(result.out)
    return parsed


def final(name: str) -> str:
    return f"outputs/{name}/final_model"


def test_an_adapter_computes_with_the_mean_of_the_changes(yoyak: Any, runs: None) -> None:
    """In float32: the base's weights and a third of the three adapters' changes of each."""
    result = done(yoyak, *MEAN, "--average-with", final("seed_8"), "--to", "adapter", "--out", "outputs/mean")
    names = ["tiny_qlora", "seed_7", "seed_8"]
    assert (result["average_of"], result["max_lora_rank"]) == (names, 16)  # 3 of rank 4
    assert json.loads(Path("outputs/mean/yoyak_export.json").read_text())["average_of"] == names
    expected = AutoModelForCausalLM.from_pretrained("base", dtype=torch.float32)
    for name in names:
        adapted = load_adapter(AutoModelForCausalLM.from_pretrained("base", dtype=torch.float32), final(name))
        for place, layer in adapted.get_base_model().named_modules():
            if hasattr(layer, "get_delta_weight"):
                with torch.no_grad():
                    expected.get_submodule(place).weight += layer.get_delta_weight("default") / 3
    mean = load_adapter(AutoModelForCausalLM.from_pretrained("base", dtype=torch.float32), "outputs/mean")
    torch.testing.assert_close(logits(mean), logits(expected), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(logits(mean), logits(adapted), atol=1e-2)


def test_a_mean_is_a_model_of_yoyaks(yoyak: Any, runs: None) -> None:
    """It is scored on its parts' data, under a name of its own, with their prompt and lengths."""
    Path("seed_7").mkdir()  # of something else, beside the run of that name
    done(yoyak, *MEAN, "model.trust_remote_code=true", "--to", "adapter", "--out", "outputs/mean", "--overwrite")
    done(yoyak, *MEAN, "--to", "adapter", "--out", "outputs/mean", "--overwrite")
    settings, its = (yaml.safe_load(Path(place).read_text()) for place in ("outputs/mean/yoyak.yaml", "tiny.yaml"))
    assert (settings["experiment"]["name"], settings["lora"]["r"]) == ("mean", 8)
    assert settings["tokenizer"] == its["tokenizer"]
    assert done(yoyak, "evaluate", "--adapter", "outputs/mean")["n"] == 2
    assert Path("outputs/mean/evaluation/dev.jsonl").is_file()
    assert "summary" in done(yoyak, "summarize", "A: Hi.", "--adapter", "outputs/mean")
    assert not list(Path("outputs").glob(".*"))


@pytest.mark.parametrize("to", ["merged", "gguf", "gguf-lora", "hub"])
def test_other_forms(yoyak: Any, runs: None, to: str) -> None:
    done(yoyak, *MEAN, "--to", to, "--out", f"means/{to}")
    assert [path.name for path in Path("means").iterdir()] == [to]
    if to == "merged":
        assert "summary" in done(yoyak, "summarize", "A: Hi.", "--adapter", "means/merged")
    if to == "hub":
        card = Path("means/hub/README.md").read_text()
        assert "## Mean of 2 models\n" in card
        assert "| | tiny_qlora | seed_7 |\n|---|---|---|\n| training.seed | 42 | 7 |\n| evaluation loss | " in card
        assert "| seed | 42, 7 |" in card
        assert card.endswith(" has its own.\n")
        assert "## Scores\n\nNot scored." in card  # what the first one's record says is not of the mean


def test_what_is_said(yoyak: Any, runs: None) -> None:
    result = yoyak(*MEAN, "--to", "gguf-lora", "--out", "g")
    assert result.out.startswith("Mean of the weights of tiny_qlora, seed_7\nWritten to g: 2 files, ")
    result = yoyak("--lang", "ko", *MEAN, "--to", "gguf-lora", "--out", "h")
    assert result.out.startswith("tiny_qlora, seed_7의 가중치 평균\n")


def test_whole_models(yoyak: Any, runs: None) -> None:
    """Of what `--to merged` made of each, as for adapters that are no plain products."""
    for name in ("tiny_qlora", "seed_7"):
        done(yoyak, "export", "--run", name, "--to", "merged", "--out", f"whole/{name}")
    both = ("export", "--adapter", "whole/tiny_qlora", "--average-with", "whole/seed_7")
    assert done(yoyak, *both, "--to", "merged", "--out", "whole/mean")["average_of"] == ["tiny_qlora", "seed_7"]
    one, other, mean = (
        safetensors.torch.load_file(f"whole/{name}/model.safetensors") for name in ("tiny_qlora", "seed_7", "mean")
    )
    for name, value in mean.items():
        assert torch.equal(value, ((one[name].float() + other[name].float()) / 2).bfloat16()), name
    assert "summary" in done(yoyak, "summarize", "A: Hi.", "--adapter", "whole/mean")
    mixed = yoyak("export", "--run", "tiny_qlora", "--average-with", "whole/seed_7", "--to", "merged", "--out", "x")
    assert mixed.code == 2
    assert "one is a whole model, the other an adapter" in mixed.err


def test_a_checkpoint_counts_as_a_part(yoyak: Any, runs: None) -> None:
    """It has its run's settings; what stands beside its weights does not come along."""
    checkpoint = Path("outputs/seed_7/checkpoints/checkpoint-1")
    shutil.copytree("outputs/seed_7/final_model", checkpoint, dirs_exist_ok=True)
    (checkpoint / "yoyak.yaml").unlink()
    parts = ("--adapter", str(checkpoint), "--average-with", "tiny_qlora")
    result = done(yoyak, "export", *parts, "--to", "adapter", "--out", "a")
    assert result["average_of"] == ["seed_7/checkpoint-1", "tiny_qlora"]


REFUSED = [
    (["nowhere"], "--average-with nowhere: no such run: no run.json in nowhere or outputs/nowhere"),
    (["tiny_qlora"], "outputs/tiny_qlora/final_model: is named twice"),
    (["outputs/../outputs/seed_7/final_model", "seed_7"], "final_model: is named twice"),
    (["same"], "has the same weights as outputs/tiny_qlora/final_model, so their mean is what each is"),
    (["base"], "base: can't be averaged with outputs/tiny_qlora/final_model: one is a whole model, the other"),
    (["said"], '--average-with said: dataset.instruction is "Say it.", and null in tiny_qlora; leave it out, or say'),
    (["short"], "--average-with short: tokenizer.encoder_max_len is 128, and 256 in tiny_qlora; leave it out, or say"),
    (["full"], "--average-with full: lora.use_qlora is false, and true in tiny_qlora"),
    (["based"], "--average-with based: model.checkpoint is "),
    (["prompted"], "--average-with prompted: was trained with another prompt than tiny_qlora; leave it out"),
    (["bare"], "bare: no yoyak.yaml, so its prompt is not known; its base model is "),
    (["worded"], "worded/final_model: can't be averaged with outputs/tiny_qlora/final_model: its tokenizer has other"),
    (["dora"], "dora/final_model: can't be averaged: use_dora; average what --to merged makes of each"),
    (["empty"], "--average-with empty: the run (completed) has no final_model"),
]


@pytest.fixture
def unlike(runs: None) -> None:
    """Write runs that can't be averaged with the first one."""
    shutil.copytree("outputs/tiny_qlora", "outputs/same")
    write_run("said", 1, dataset__instruction="Say it.")
    write_run("short", 1, tokenizer__encoder_max_len=128)
    write_run("full", 1, lora__use_qlora=False)
    write_run("based", 1, model__checkpoint=write_tiny_model(Path("other"), seed=3))
    for name in ("prompted", "worded", "dora", "empty"):
        write_run(name, 1)
    record = Path("outputs/prompted/run.json")
    content = json.loads(record.read_text())
    content["resolved"]["prompt"]["before"] += " "
    record.write_text(json.dumps(content))
    tokenizer = Path(final("worded")) / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace('"<|im_start|>"', '"<|im_begin|>"'))
    settings = Path(final("dora")) / "adapter_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"use_dora": True}))
    shutil.rmtree(final("empty"))
    shutil.copytree(final("seed_7"), "bare")
    Path("bare/yoyak.yaml").unlink()


def test_what_is_refused_is_one_line_and_exit_2(yoyak: Any, unlike: None) -> None:
    for named, said in REFUSED:
        options = [word for name in named for word in ("--average-with", name)]
        result = yoyak("export", "--run", "tiny_qlora", *options, "--to", "adapter", "--out", "new/x")
        line = result.err.splitlines()[-1]
        assert (result.code, result.out) == (2, ""), (named, result.err)
        assert said in line, (named, line)
        assert not Path("new").exists()
        assert not list(Path().glob(".x*"))


def test_what_is_named_holds_for_the_mean(yoyak: Any, unlike: None) -> None:
    parts = ("export", "--run", "tiny_qlora", "--average-with", "short", "--to", "adapter", "--out", "x")
    done(yoyak, *parts, "tokenizer.encoder_max_len=128")
    assert yaml.safe_load(Path("x/yoyak.yaml").read_text())["tokenizer"]["encoder_max_len"] == 128


def test_other_decoding_is_said(yoyak: Any, runs: None) -> None:
    write_run("beams", 1, generation__num_beams=4)
    result = yoyak("export", "--run", "beams", "--average-with", "seed_7", "--to", "gguf-lora", "--out", "x")
    assert result.code == 0
    assert "--average-with seed_7: generation.num_beams differ; those of beams hold" in result.err


def test_a_refusal_of_the_mean_names_what_was_to_be_written(yoyak: Any, runs: None) -> None:
    for name in ("tiny_qlora", "seed_7"):
        settings = Path(final(name)) / "adapter_config.json"
        settings.write_text(json.dumps(json.loads(settings.read_text()) | {"modules_to_save": ["lm_head"]}))
    result = yoyak(*MEAN, "--to", "adapter", "--out", "x")
    assert result.code == 2
    assert "yoyak: x: vLLM does not load adapters with modules_to_save lm_head; use --to merged" in result.err


def test_stopped_by_sigterm(yoyak: Any, runs: None, monkeypatch: pytest.MonkeyPatch, survives_sigterm: None) -> None:
    def told(*arguments: Any, **more: Any) -> None:
        assert list(Path().glob(".x.mean.*"))
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(export_mean, "replace", told)
    assert yoyak(*MEAN, "--to", "adapter", "--out", "x").code == 143
    assert not list(Path().glob(".x*")) + list(Path().glob("x*"))
