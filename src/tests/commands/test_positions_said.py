"""More tokens than the model has positions for: every command says so with both numbers."""

import json

import pytest

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


def test_vllm_would_not_start(yoyak, tiny, monkeypatch):
    monkeypatch.setattr("src.serving.vllm.find_vllm", lambda: "vllm")
    result = yoyak("serve", "-e", "tiny.yaml", "--engine", "vllm", "--port", "0", *LONG)
    assert result.code == 2
    assert SAID in result.err
