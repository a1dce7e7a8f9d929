"""Base models and adapters that are damaged."""

from collections.abc import Callable
from pathlib import Path

from src.tests.bad_inputs.case import Case, changed_json, copied, cut


def checkpoint(name: str, prepare: Callable[[Path], None] | None, line: str, folder: str = "m") -> Case:
    """Return the case of a base model."""
    command = f"summarize 'A: a' -e TINY model.checkpoint={folder}"
    return Case(f"checkpoint: {name}", command, f"model.checkpoint = {folder}: {line}", prepare=prepare)


def adapter(name: str, prepare: Callable[[Path], None] | None, line: str) -> Case:
    """Return the case of an adapter."""
    return Case(f"adapter: {name}", "summarize 'A: a' -e TINY --adapter m", f"m: {line}", prepare=prepare)


BOMB = (2**60).to_bytes(8, "little") + b"{}"  # safetensors: a header of 2**60 bytes
PICKLE = b"PK\3\4archive/data.pkl"
CHECKPOINTS = [
    checkpoint("not there", None, "no such model folder", "./m"),
    checkpoint("of no user", None, "no such model folder", "~nobody-of-this-name/m"),
    checkpoint("empty folder", lambda _: Path("m").mkdir(), "the folder has no config.json, so it is no model"),
    checkpoint("config.json is no JSON", copied("base", config_json="{"), "can't be loaded: ..."),
    checkpoint("config.json is a list", copied("base", config_json="[]"), "can't be loaded: ..."),
    checkpoint("config.json is deep", copied("base", config_json="[" * 100_000), "can't be loaded: ..."),
    checkpoint("an unknown architecture", changed_json("base", "config.json", model_type="x"), "can't be loaded: ..."),
    checkpoint("a size that is text", changed_json("base", "config.json", hidden_size="big"), "can't be loaded: ..."),
    checkpoint("another size", changed_json("base", "config.json", hidden_size=32), "can't be loaded: ..."),
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
ADAPTERS = [
    adapter("not there", None, "no such adapter folder; name a run's final_model"),
    adapter("empty folder", lambda _: Path("m").mkdir(), "no adapter_config.json, so this is no adapter folder; ..."),
    adapter(
        "no weights", copied("adapter", adapter_model_safetensors=None), "no adapter_model.safetensors (pickled ..."
    ),
    adapter("weights cut off", cut("adapter", "adapter_model.safetensors", 500), "the adapter does not fit ..."),
    adapter(
        "weights of zero bytes",
        copied("adapter", adapter_model_safetensors=b"\0" * 500),
        "the adapter does not fit ...",
    ),
    adapter(
        "weights that are a pickle", copied("adapter", adapter_model_safetensors=PICKLE), "the adapter does not fit ..."
    ),
    adapter(
        "weights with a huge header", copied("adapter", adapter_model_safetensors=BOMB), "the adapter does not fit ..."
    ),
    adapter("settings are no JSON", copied("adapter", adapter_config_json="{"), "the adapter does not fit ..."),
    adapter("settings are a list", copied("adapter", adapter_config_json="[]"), "..."),
    adapter("settings are deep", copied("adapter", adapter_config_json="[" * 100_000), "..."),
    adapter("another rank", changed_json("adapter", "adapter_config.json", r=2), "the adapter does not fit ..."),
    adapter(
        "a rank that is text", changed_json("adapter", "adapter_config.json", r="x"), "the adapter does not fit ..."
    ),
    adapter("another method", changed_json("adapter", "adapter_config.json", peft_type="X"), "..."),
    adapter("an unknown setting", changed_json("adapter", "adapter_config.json", target_modules=["x"]), "..."),
    Case(
        "adapter: no settings of a run",
        "summarize 'A: a' --adapter m",
        "m: no yoyak.yaml, so its base model is not known; add ...",
        prepare=copied("adapter"),
    ),
    Case(
        "adapter: broken settings of a run",
        "summarize 'A: a' --adapter m",
        "m/yoyak.yaml:1: unknown key 'x'; ...",
        prepare=copied("adapter", yoyak_yaml="x: 1"),
    ),
    Case(
        "adapter: exported though cut off",
        "export --to adapter --adapter m -e TINY --out o",
        "...",
        prepare=cut("adapter", "adapter_model.safetensors", 500),
    ),
    Case(
        "adapter: of a long name",
        f"summarize 'A: a' --adapter {'m' * 300}",
        f"{'m' * 300}/yoyak.yaml: File name too long",
    ),
]
