"""`yoyak plan` refuses what `yoyak train` refuses of settings and data, and options that it would not read."""

import json

import pytest

from src.data.prompt.prompts import PROMPT_TEXTS
from src.tests.commands.conftest import write_csv
from src.tests.tiny_models import tiny_tokenizer, write_tiny_model

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


@pytest.mark.parametrize(
    ("config", "settings", "line"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, [], "stored as gptq, which can't be"),
        (
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
            ["lora.use_lora=false"],
            "stored in 4 bit, and 4-bit weights can't be trained",
        ),
        ({"num_hidden_layers": 1_000_000}, [], "can't be loaded: num_hidden_layers = 1000000 in its config"),
        ({"generation": {"eos_token_id": "</s>"}}, [], 'eos_token_id = "</s>": must be token ids; mend it'),
        ({"generation": []}, [], "can't be loaded: generation_config.json holds no settings; get it again"),
        ({"pickled": True}, [], "pytorch_model.bin is pickled, which can run code when loaded"),
        ({"index": "{"}, [], "model.safetensors.index.json: not an index of weights; get the checkpoint again"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_checkpoints_that_training_refuses(yoyak, tiny, config, settings, line):
    base, settings = tiny / "base", ["lora.use_qlora=false", *settings]
    content = json.loads((base / "config.json").read_text()) | config
    if "generation" in content:
        (base / "generation_config.json").write_text(json.dumps(content.pop("generation")))
    if content.pop("pickled", False):
        (base / "model.safetensors").rename(base / "pytorch_model.bin")
    if "index" in content:
        (base / "model.safetensors.index.json").write_text(content.pop("index"))
    (base / "config.json").write_text(json.dumps(content))
    planned = yoyak("plan", "-e", "tiny.yaml", "--memory-gb", "8", *settings)
    assert (planned.code, planned.out, planned.err.count("\n")) == (2, "", 1)
    assert line in planned.err
    assert yoyak("train", "-e", "tiny.yaml", *settings).err == planned.err


@pytest.mark.parametrize("chat_template", ["llama", "auto"])
def test_eva_beside_control_tokens_that_are_added(yoyak, tiny, chat_template):
    write_tiny_model(tiny / "base", tokenizer=tiny_tokenizer(()))
    settings = ["lora.init=eva", "lora.r=1", "lora.use_qlora=false", f"model.chat_template={chat_template}"]
    settings += ["dataset.format_type=chat", "training.max_steps=1"]
    planned = yoyak("plan", "-e", "tiny.yaml", "--memory-gb", "8", *settings)
    said = "yoyak: lora.init = eva can't be had with added control tokens; set lora.init=default\n"
    assert (planned.code, planned.out, planned.err) == (2, "", said)
    assert yoyak("train", "-e", "tiny.yaml", *settings).err == said
    for others in (["dataset.format_type=instruction", "model.chat_template=auto"], ["lora.init=default"]):
        assert yoyak("plan", "-e", "tiny.yaml", "--memory-gb", "8", *settings, *others).code == 0


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
