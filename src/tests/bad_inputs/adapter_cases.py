"""Adapters that are damaged, or ask for what isn't there."""

from collections.abc import Callable
from pathlib import Path

import torch

from src.tests.bad_inputs.case import Case, changed_json, copied, cut
from src.tests.bad_inputs.model_cases import BOMB, not_a_number, with_tensors


def adapter(name: str, prepare: Callable[[Path], None] | None, line: str) -> Case:
    """Return the case of an adapter."""
    return Case(f"adapter: {name}", "summarize 'A: a' -e TINY --adapter m", f"m: {line}", prepare=prepare)


PICKLE = b"PK\3\4archive/data.pkl"
ADAPTERS = [
    *(
        adapter(f"asks for {name}", changed_json("adapter", "adapter_config.json", **{key: value}), line)
        for name, key, value, line in (
            (
                "a rank of 10^8",
                "r",
                10**8,
                "the adapter does not fit its adapter_config.json: r = 100000000, and the largest rank that is "
                "stored is 4; get the adapter again",
            ),
            (
                "a rank of 10^8 by a pattern",
                "rank_pattern",
                {"q_proj": 10**8},
                "the adapter does not fit its adapter_config.json: rank_pattern.q_proj = 100000000, and ...",
            ),
            (
                "no number as scale",
                "lora_alpha",
                float("nan"),
                "adapter_config.json: lora_alpha = NaN: a number of ...",
            ),
            (
                "an endless scale by a pattern",
                "alpha_pattern",
                {"q_proj": float("inf")},
                "adapter_config.json: alpha_pattern.q_proj = Infinity: a number of 1,000,000 at most is meant; ...",
            ),
            (
                "layers by a pattern without an end",
                "target_modules",
                r"([\w.]+)+~",
                "adapter_config.json: a pattern of layers' names = ...",
            ),
            (
                "ranks by a pattern without an end",
                "rank_pattern",
                {r"([\w.]+)+~": 4},
                "adapter_config.json: a pattern of layers' names = ...",
            ),
            (
                "modules by a broken pattern",
                "modules_to_save",
                ["("],
                "adapter_config.json: a pattern of layers' names = ...",
            ),
            (
                "modules by names with values",
                "modules_to_save",
                {r"([\w.]+)+~": 4},
                "adapter_config.json: a pattern of layers' names = ...",
            ),
            (
                "copies of layers",
                "layer_replication",
                [[0, 1]] * 10**5,
                "adapter_config.json asks for layer_replication, which is not computed here",
            ),
            (
                "rounds without an end",
                "init_lora_weights",
                "pissa_niter_999999999",
                "adapter_config.json: init_lora_weights = 999999999: 1,000 rounds at most; get the adapter again",
            ),
            (
                "a million layers",
                "target_modules",
                ["q_proj"] * 10**6,
                "adapter_config.json is larger than 1 MiB; get the adapter again",
            ),
        )
    ),
    *(
        adapter(
            f"a base weight in it, {name}",
            with_tensors(lambda w, name=name: w | {f"base_model.model.model.{name}.weight": torch.ones(64)}, "adapter"),
            "the adapter does not fit ...",
        )
        for name in ("norm", "layers.0.input_layernorm")
    ),
    adapter(
        "the weight below an adapter in it",
        with_tensors(
            lambda w: w | {"base_model.model.model.layers.0.self_attn.q_proj.base_layer.weight": torch.ones(64, 64)},
            "adapter",
        ),
        "the adapter does not fit ...",
    ),
    Case(
        "adapter: weights whose product overflows",
        "summarize 'A: a' -e TINY --adapter m",
        "...: the model's scores of a text are no numbers (NaN or infinite): its weights or its adapter are broken...",
        prepare=with_tensors(lambda w: {name: torch.full_like(tensor, 1e30) for name, tensor in w.items()}, "adapter"),
    ),
    adapter(
        "a weight that is no number",
        not_a_number("adapter", "layers.0.self_attn.q_proj.lora_A"),
        "model.layers.0.self_attn.q_proj.lora_A.default.weight holds values that are no numbers (NaN or infinite); ...",
    ),
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
    adapter(
        "a tensor more than LoRA's",
        with_tensors(lambda w: w | {"base_model.model.model.layers.0.mlp.up_proj.bias": torch.ones(128)}, "adapter"),
        "the adapter does not fit ...",
    ),
    adapter("another rank", changed_json("adapter", "adapter_config.json", r=2), "the adapter does not fit ..."),
    adapter(
        "a rank that is text", changed_json("adapter", "adapter_config.json", r="x"), "the adapter does not fit ..."
    ),
    adapter("another method", changed_json("adapter", "adapter_config.json", peft_type="X"), "..."),
    adapter("an unknown setting", changed_json("adapter", "adapter_config.json", target_modules=["x"]), "..."),
    Case(
        "adapter: no settings of a run",
        "summarize 'A: a' --adapter m",
        "m: no yoyak.yaml, so its prompt is not known; its base model is ...",
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
        f"{'m' * 300}: File name too long",
    ),
]
