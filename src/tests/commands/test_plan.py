"""`yoyak plan` refuses what `yoyak train` refuses of settings and data, and options that it would not read."""

import pytest

from src.data.prompt.prompts import PROMPT_TEXTS
from src.tests.commands.conftest import write_csv

_WITH = {"lora.r=3": ["lora.init=orthogonal"], "lora.init=eva": ["lora.r=64", "lora.use_qlora=false"]}


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("generation.mbr_references=start", "generation.mbr_references = start: is for models that were refined"),
        ("lora.init=pissa", "lora.init = pissa changes the base weights, which 4 bit can't hold"),
        ("lora.adapter=nowhere", "nowhere: no adapter_config.json, so this is no adapter folder"),
        ("lora.r=3", "lora.init = orthogonal needs an even lora.r, not 3"),
        ("lora.init=eva", "lora.init = eva needs a batch of 128 summary tokens for lora.r = 64; raise training.batch_"),
        ("lora.target_modules=[]", "lora.target_modules: is empty; name layers, such as lora.target_modules=[q_proj,"),
        ("data.train=instructed.csv", "instructed.csv: its dialogues begin with an instruction"),
        ("data.eval=instructed.csv", "instructed.csv: its dialogues begin with an instruction"),
    ],
)
def test_what_training_refuses(yoyak, tiny, setting, line):
    sentence = PROMPT_TEXTS["en"].instruction
    write_csv(tiny / "instructed.csv", [f"{sentence}\nA: Go?\nB: Yes."] * 2, ["They go."] * 2)
    settings = ["generation.mbr_samples=2", setting, *_WITH.get(setting, [])]
    planned = yoyak("plan", "-e", "tiny.yaml", "--memory-gb", "8", *settings)
    assert (planned.code, planned.out, planned.err.count("\n")) == (2, "", 1)
    assert planned.err.startswith(f"yoyak: {line}")
    assert yoyak("train", "-e", "tiny.yaml", *settings).err == planned.err
    assert not (tiny / "outputs").exists() or setting.startswith(("data.", "lora.init=eva"))


def test_a_picture_is_of_a_comparison(yoyak, tiny):
    refused = yoyak("plan", "-e", "tiny.yaml", "--memory-gb", "8", "--out", "plan.svg")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "yoyak: a picture is drawn with --compare: leave out --out\n"


def test_a_prompt_without_room_for_a_dialogue(yoyak, tiny):
    """Its own text takes 113 tokens, with the longest of the augmentation's instructions 121 at the least."""

    def plan(most, *more):
        return yoyak("plan", "-e", "tiny.yaml", "--memory-gb", "8", f"tokenizer.encoder_max_len={most}", *more)

    for most, more in ((113, ()), (113, ("--refine",)), (120, ("data.instruction_augmentation=true",))):
        planned = plan(most, *more)
        assert (planned.code, planned.out, planned.err.count("\n")) == (2, "", 1)
        assert planned.err.startswith(f"yoyak: tokenizer.encoder_max_len = {most}: the prompt's own text takes ")
        if not more or "augmentation" in more[0]:
            trained = yoyak("train", "-e", "tiny.yaml", f"tokenizer.encoder_max_len={most}", "--overwrite", *more)
            assert (trained.code, trained.err) == (2, planned.err)
    assert plan(114).code == plan(120).code == 0
