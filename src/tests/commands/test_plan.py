"""`yoyak plan` refuses what `yoyak train` refuses of settings and data."""

import pytest

from src.data.prompt.prompts import PROMPT_TEXTS
from src.tests.commands.conftest import write_csv


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("generation.mbr_references=start", "generation.mbr_references = start: is for models that were refined"),
        ("lora.init=pissa", "lora.init = pissa changes the base weights, which 4 bit can't hold"),
        ("lora.adapter=nowhere", "nowhere: no adapter_config.json, so this is no adapter folder"),
        ("data.train=instructed.csv", "instructed.csv: its dialogues begin with an instruction"),
        ("data.eval=instructed.csv", "instructed.csv: its dialogues begin with an instruction"),
    ],
)
def test_what_training_refuses(yoyak, tiny, setting, line):
    sentence = PROMPT_TEXTS["en"].instruction
    write_csv(tiny / "instructed.csv", [f"{sentence}\nA: Go?\nB: Yes."] * 2, ["They go."] * 2)
    planned = yoyak("plan", "-e", "tiny.yaml", "--memory-gb", "8", "generation.mbr_samples=2", setting)
    assert (planned.code, planned.out, planned.err.count("\n")) == (2, "", 1)
    assert planned.err.startswith(f"yoyak: {line}")
    assert yoyak("train", "-e", "tiny.yaml", "generation.mbr_samples=2", setting).err == planned.err
    assert not (tiny / "outputs").exists() or setting.startswith("data.")
