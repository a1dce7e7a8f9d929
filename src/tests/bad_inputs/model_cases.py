"""Base models that are damaged, and tokenizers and templates that refuse a text."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import torch
from safetensors.torch import load_file, save_file

from src.tests.bad_inputs.case import Case, changed_json, copied, cut

Tensors: TypeAlias = dict[str, torch.Tensor]


def checkpoint(name: str, prepare: Callable[[Path], None] | None, line: str, folder: str = "m") -> Case:
    """Return the case of a base model."""
    command = f"summarize 'A: a' -e TINY model.checkpoint={folder}"
    return Case(f"checkpoint: {name}", command, f"model.checkpoint = {folder}: {line}", prepare=prepare)


def weights(name: str, prepare: Callable[[Path], None], line: str, everywhere: bool = False) -> list[Case]:
    """Return the cases of a base model whose weights are not its config's, in 16 and in 4 bit or by each command."""
    commands = {
        "summarize": "summarize 'A: a' -e TINY model.checkpoint=m",
        "in 4 bit": "summarize 'A: a' -e TINY model.checkpoint=m lora.use_qlora=true",
        "train": "train -e TINY model.checkpoint=m",
        "full": "train -e TINY model.checkpoint=m lora.use_lora=false",
        "evaluate": "evaluate -e TINY model.checkpoint=m",
        "export": "export --to merged --adapter ADAPTER -e TINY model.checkpoint=m --out o",
    }
    return [
        Case(f"checkpoint: {name}, {by}", command, f"model.checkpoint = m: {line}", prepare=prepare)
        for by, command in list(commands.items())[: None if everywhere else 2]
    ]


def with_tensors(change: Callable[[Tensors], Tensors], source: str = "base") -> Callable[[Path], None]:
    """Return what copies a folder of the tiny model to `m` with other tensors."""

    def prepare(tiny: Path) -> None:
        shutil.copytree(tiny / source, "m")
        (file,) = Path("m").glob("*.safetensors")
        save_file({name: tensor.clone() for name, tensor in change(load_file(file)).items()}, file, {"format": "pt"})

    return prepare


def without(part: str) -> Callable[[Path], None]:
    """Return what copies the tiny model to `m` without the tensors that have `part` in their names."""
    return with_tensors(lambda tensors: {name: tensor for name, tensor in tensors.items() if part not in name})


def not_a_number(source: str, part: str, value: float = float("nan")) -> Callable[[Path], None]:
    """Return what copies a folder of the tiny model to `m` with a value that is no number in tensors named so."""

    def broken(tensors: Tensors) -> Tensors:
        for name, tensor in tensors.items():
            if part in name:
                tensor.view(-1)[3] = value
        return tensors

    return with_tensors(broken, source)


def template(source: str, line: str, name: str) -> Case:
    """Return the case of a tokenizer's chat template."""
    said = f"the tokenizer's chat template refuses the messages ({line}"
    said += "" if line == "..." else "); set model.chat_template to llama or qwen"
    prepare = changed_json("base", "tokenizer_config.json", chat_template=source)
    return Case(f"template: {name}", "summarize 'A: a' -e TINY model.checkpoint=m", said, prepare=prepare)


def split_by(pattern: str, where: str = "pre_tokenizer") -> Callable[[Path], None]:
    """Return what copies the tiny model to `m` with a tokenizer that splits, or replaces, by a pattern."""

    def prepare(tiny: Path) -> None:
        old = json.loads((tiny / "base" / "tokenizer.json").read_text())
        by = {"pattern": {"Regex": pattern}}
        split = {"type": "Split", **by, "behavior": "Isolated", "invert": False}
        new = {"type": "Sequence", "pretokenizers": [split, old["pre_tokenizer"]]}
        if where == "normalizer":
            new = {"type": "Replace", **by, "content": "z"}
        changed_json("base", "tokenizer.json", **{where: new})(tiny)

    return prepare


BOMB = (2**60).to_bytes(8, "little") + b"{}"  # safetensors: a header of 2**60 bytes
CHECKPOINTS = [
    checkpoint("not there", None, "no such model folder", "./m"),
    checkpoint("of no user", None, "no such model folder", "~nobody-of-this-name/m"),
    checkpoint("empty folder", lambda _: Path("m").mkdir(), "the folder has no config.json, so it is no model"),
    checkpoint("config.json is no JSON", copied("base", config_json="{"), "can't be loaded: ..."),
    checkpoint("config.json is a list", copied("base", config_json="[]"), "can't be loaded: ..."),
    checkpoint("config.json is deep", copied("base", config_json="[" * 100_000), "can't be loaded: ..."),
    checkpoint(
        "generation_config.json is no JSON",
        copied("base", generation_config_json="{"),
        "can't be loaded: generation_config.json: Expecting property name enclosed in double quotes; get it again",
    ),
    checkpoint(
        "too few positions in its table",
        changed_json("base", "config.json", model_type="gpt2", max_position_embeddings=100),
        "the model has 100 positions, and tokenizer.encoder_max_len + decoder_max_len = ...",
    ),
    checkpoint("an unknown architecture", changed_json("base", "config.json", model_type="x"), "can't be loaded: ..."),
    checkpoint("a size that is text", changed_json("base", "config.json", hidden_size="big"), "can't be loaded: ..."),
    checkpoint(
        "another size",
        changed_json("base", "config.json", hidden_size=32),
        "model.embed_tokens.weight is 259 x 64, and 259 x 32 by its config.json (20 tensors differ); get ...",
    ),
    checkpoint(
        "an endless number of layers",
        changed_json("base", "config.json", num_hidden_layers=10**9),
        "can't be loaded: num_hidden_layers = 1000000000 in its config.json, 2,000 at most; get it again",
    ),
    checkpoint(
        "an endless number of labels",
        changed_json("base", "config.json", num_labels=10**9),
        "can't be loaded: num_labels = 1000000000 in its config.json, 100,000 at most; get it again",
    ),
    *(
        checkpoint(
            f"a size that no file has, {name}",
            changed_json("base", "config.json", **{name: 10**9}),
            f"can't be loaded: {said} in its config.json, and ...",
        )
        for name, said in (
            ("hidden_size", "vocab_size = 259 at hidden_size = 1000000000"),
            ("intermediate_size", "intermediate_size = 1000000000 at hidden_size = 64"),
            ("vocab_size", "vocab_size = 1000000000 at hidden_size = 64"),
        )
    ),
    *(
        checkpoint(
            f"its quantization is {stored!r}",
            changed_json("base", "config.json", quantization_config=stored),
            line,
        )
        for stored, line in (
            ([1], "can't be loaded: ..."),
            ({"quant_method": "quark"}, "stored as quark, which can't be trained here; name the 16-bit ..."),
        )
    ),
    checkpoint(
        "code of its own",
        changed_json("base", "config.json", model_type="x", auto_map={"AutoConfig": "someone/code--c.C"}),
        "can't be loaded: ...",
    ),
    checkpoint("no heads", changed_json("base", "config.json", num_attention_heads=0), "can't be loaded: ..."),
    checkpoint("weights cut off", cut("base", "model.safetensors", 5000), "can't be loaded: ..."),
    checkpoint("weights of zero bytes", copied("base", model_safetensors=b"\0" * 5000), "can't be loaded: ..."),
    checkpoint("weights with a huge header", copied("base", model_safetensors=BOMB), "can't be loaded: ..."),
    checkpoint("weights empty", copied("base", model_safetensors=b""), "can't be loaded: ..."),
    checkpoint("no weights", copied("base", model_safetensors=None), "..."),
    checkpoint("no tokenizer", copied("base", tokenizer_json=None), "can't be loaded: ..."),
    checkpoint("tokenizer.json is no JSON", copied("base", tokenizer_json="{"), "can't be loaded: ..."),
    checkpoint("tokenizer.json is a number", copied("base", tokenizer_json="5"), "can't be loaded: ..."),
    checkpoint("tokenizer_config.json is a list", copied("base", tokenizer_config_json="[]"), "can't be loaded: ..."),
]
WEIGHTS = [
    *weights(
        "a matrix missing",
        without("layers.1.mlp.up_proj"),
        "lacks a tensor of the model in its config.json, model.layers.1.mlp.up_proj.weight; get it again, or the ...",
        everywhere=True,
    ),
    *weights(
        "a layer missing",
        without("layers.1."),
        "lacks 9 tensors of the model in its config.json, first model.layers.1.input_layernorm.weight; ...",
    ),
    *weights(
        "the head missing",
        changed_json("base", "config.json", tie_word_embeddings=False),
        "lacks a tensor of the model in its config.json, lm_head.weight; where its head is its embedding, set "
        '"tie_word_embeddings": true in its config.json; else get it again',
        everywhere=True,
    ),
    *weights(
        "torch.compile's names",
        with_tensors(lambda w: {f"_orig_mod.{name}": t for name, t in w.items()}),
        "lacks 21 tensors of the model in its config.json, first lm_head.weight; its names have '_orig_mod' "
        "in them (_orig_mod.model.embed_tokens.weight), torch.compile's: save the model that was compiled ...",
    ),
    *weights(
        "PEFT's names",
        with_tensors(lambda w: {f"base_model.model.{name}": t for name, t in w.items()}),
        "lacks 21 tensors of the model in its config.json, first lm_head.weight; its names have "
        "'base_model' in them (base_model.model.model.embed_tokens.weight), PEFT's: merge that adapter ...",
    ),
    *weights(
        "PEFT's layers",
        with_tensors(lambda w: {n.replace("up_proj.", "up_proj.base_layer."): t for n, t in w.items()}),
        "lacks 2 tensors of the model in its config.json, first model.layers.0.mlp.up_proj.weight; its names have "
        "'base_layer' in them (model.layers.0.mlp.up_proj.base_layer.weight), PEFT's: ...",
    ),
    *weights(
        "biases unknown to the config",
        with_tensors(lambda w: w | {n.replace("weight", "bias"): t[:, 0] for n, t in w.items() if "q_proj" in n}),
        "has 2 tensors that the model in its config.json does not, first model.layers.0.self_attn.q_proj.bias; get ...",
        everywhere=True,
    ),
    *weights(
        "norms unknown to the config",
        with_tensors(lambda w: w | {"model.layers.0.self_attn.q_norm.weight": w["model.norm.weight"][:16]}),
        "has a tensor that the model in its config.json does not, model.layers.0.self_attn.q_norm.weight; get ...",
    ),
    *weights(
        "a layer more than the config",
        changed_json("base", "config.json", num_hidden_layers=1),
        "has 9 tensors that the model in its config.json does not, first model.layers.1.input_layernorm.weight; ...",
    ),
    *weights(
        "a matrix of another shape",
        with_tensors(lambda w: w | {"model.layers.0.mlp.up_proj.weight": w["model.layers.0.mlp.down_proj.weight"]}),
        "model.layers.0.mlp.up_proj.weight is 64 x 128, and 128 x 64 by its config.json; get the config.json that ...",
    ),
    *weights(
        "a weight that is no number",
        not_a_number("base", "layers.1.mlp.up_proj"),
        "model.layers.1.mlp.up_proj.weight holds values that are no numbers (NaN or infinite); get it again",
        everywhere=True,
    ),
    *weights(
        "an infinite weight",
        not_a_number("base", "embed_tokens", float("inf")),
        "model.embed_tokens.weight holds values that are no numbers (NaN or infinite); get it again",
    ),
    checkpoint(
        "an adapter beside its config",
        lambda tiny: (copied("base")(tiny), shutil.copytree(tiny / "adapter", "m", dirs_exist_ok=True)),
        "an adapter, loaded on the base model that it names; set model.checkpoint to that base model and ...",
    ),
]
TEMPLATES = [
    template(
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "takes more than 1 seconds",
        "of 10^10 rounds",
    ),
    template("{{ 'a' * 10**11 }}", "takes more than 256 MiB", "of 100 GB"),
    template("{{ 'a' * (2**70) }}", "cannot fit 'int' into an index-sized integer", "of 2^70 bytes"),
    template("{{ " + "(" * 300 + "1" + ")" * 300 + " }}", "...", "of 300 brackets"),
    template("x" * ((1 << 20) + 1), "it has more than 1,048,576 characters", "of a megabyte"),
    *(
        Case(
            f"tokenizer: a pattern without an end, {where}, {command.split(' -')[0]}",
            f"{command} -e TINY model.checkpoint=m",
            "the tokenizer does not get to an end with a text (Onig: Regex search error: retry-limit-in-match over)...",
            files={"d.csv": "dialogue,summary\nA: a,b\n"},
            prepare=split_by("(.+)+(?=~)(?!.)", where),
        )
        for where in ("pre_tokenizer", "normalizer")
        for command in ("summarize 'A: a'", "train", "data check d.csv")
    ),
    *(
        Case(
            f"tokenizer: loses capitals, {command.split(' -')[0]}",
            f"{command} -e TINY model.checkpoint=m",
            "the tokenizer does not give text back (it makes capitals small): '#Person1#: Hello, how ar' becomes ...",
            files={"d.csv": "dialogue,summary\nA: a,b\n"},
            prepare=changed_json("base", "tokenizer.json", normalizer={"type": "Lowercase"}),
        )
        for command in (
            "summarize 'A: a'",
            "train",
            "evaluate",
            "serve",
            "plan --memory-gb 24",
            "data check d.csv",
            "data stats d.csv",
        )
    ),
]
