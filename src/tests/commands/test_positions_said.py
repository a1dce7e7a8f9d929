"""More tokens than the model has positions for: every command says so with both numbers."""

import json

import pytest

from src.tests.commands.conftest import write_csv
from src.tests.tiny_models import DIALOGUES, SUMMARIES

SAID = "512 positions, and tokenizer.encoder_max_len + decoder_max_len = 600 + 8 = 608"
LONG = ("tokenizer.encoder_max_len=600", "lora.use_qlora=false")


@pytest.mark.parametrize(
    "command",
    [
        ("summarize", "A: Hi.", "-e", "tiny.yaml"),
        ("data", "check", "dev.csv", "-e", "tiny.yaml"),
        ("plan", "-e", "tiny.yaml", "--gpu", "A6000"),
        ("evaluate", "-e", "tiny.yaml"),
    ],
)
def test_a_rotary_model_goes_on(yoyak, tiny, command, caplog):
    result = yoyak(*command, *LONG)
    assert result.code == 0
    assert SAID in " ".join((result.out + result.err + caplog.text).split())  # without pytest, warnings go to stderr
    caplog.clear()
    again = ["--overwrite"] if command[0] == "evaluate" else []
    within = yoyak(*command, *again, "tokenizer.encoder_max_len=504", "lora.use_qlora=false")
    assert "positions" not in within.out + within.err + caplog.text


def test_json(yoyak, tiny):
    found = json.loads(yoyak("plan", "-e", "tiny.yaml", "--gpu", "A6000", "--json", *LONG).out)
    assert (found["model_positions"], found["longest_tokens"]) == (512, 608)
    assert SAID in json.loads(yoyak("data", "check", "dev.csv", "-e", "tiny.yaml", "--json", *LONG).out)["positions"]


@pytest.mark.parametrize("engine", ["packed", "trainer"])
def test_a_summary_longer_than_the_positions_is_said(yoyak, tiny, caplog, engine):
    """Lengths within the settings, but for a summary, which is never cut."""
    write_csv(tiny / "train.csv", DIALOGUES, [*SUMMARIES[:3], "They go. " * 60])
    more = ("-e", "tiny.yaml", "lora.use_qlora=false", f"training.engine={engine}", "training.max_steps=1")
    for command in (("train",), ("plan", "--gpu", "A6000"), ("data", "check", "train.csv")):
        caplog.clear()
        result = yoyak(*command, *more)
        assert result.code == 0
        said = " ".join((result.out + result.err + caplog.text).split())
        assert "made for 512 positions, and 1 example is longer, up to" in said
        assert "shorten such summaries" in said
    assert json.loads(yoyak("plan", "--gpu", "A6000", "--json", *more).out)["longest_tokens"] > 540


def test_refining_says_so_where_it_imitates(yoyak, tiny, caplog):
    write_csv(tiny / "train.csv", DIALOGUES, [*SUMMARIES[:3], "They go. " * 60])
    few = ("refine.steps=1", "refine.samples=2", "refine.dialogues=2", "lora.use_qlora=false")
    for imitation in (0.0, 0.1):
        plan = yoyak("plan", "--refine", "-e", "tiny.yaml", "--gpu", "A6000", *few, f"refine.imitation={imitation}")
        assert plan.code == 0
        assert ("1 example is longer" in plan.out) == bool(imitation)


def test_vllm_would_not_start(yoyak, tiny, monkeypatch):
    monkeypatch.setattr("src.serving.vllm.find_vllm", lambda: "vllm")
    result = yoyak("serve", "-e", "tiny.yaml", "--engine", "vllm", "--port", "0", *LONG)
    assert result.code == 2
    assert SAID in result.err
