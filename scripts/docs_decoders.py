"""Write the table of what the packed engine computes in docs/architecture.md, from descriptions of tiny models.

python scripts/docs_decoders.py            write it
python scripts/docs_decoders.py --check    exit 1 where it is not up to date
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from transformers import AutoModelForCausalLM

from scripts.docs_part import write_or_check
from src.decoder.described import describe
from src.descriptions import DecoderDescription, DeltaDescription, LayerDescription
from src.tests.tiny_architectures import architecture_config
from src.written_classes import WRITTEN_TYPES

PAGE = ROOT / "docs" / "architecture.md"
START, END = "<!-- decoders -->", "<!-- end of decoders -->"
HEAD = "| model type | norms | heads | sees a window | turned | MLP | factors |\n|---|---|---|---|---|---|---|"
LAYERS = 12  # a multiple of the patterns of 4 and 6
_GEMMA4 = {"attention_k_eq_v": True, "final_logit_softcapping": 30.0}  # as published
SETTINGS: dict[str, dict[str, float]] = {
    "granite": {"embedding_multiplier": 12.0, "residual_multiplier": 0.22, "attention_multiplier": 0.1},
    "hyperclovax": {"embedding_multiplier": 10.0, "residual_multiplier": 0.3, "attention_multiplier": 0.1},
    "gemma4_text": _GEMMA4,
    "gemma4_unified_text": _GEMMA4,
}


def main(arguments: list[str]) -> int:
    """Write the page, or compare it; return the exit code."""
    return write_or_check(PAGE, START, END, table(), "--check" in arguments)


def table() -> str:
    """Return the table's lines."""
    return "\n".join([HEAD, *map(row, WRITTEN_TYPES)])


def row(name: str) -> str:
    """Return what the description of a tiny model says, as its class and the defaults of its config build it."""
    config = architecture_config(name, num_hidden_layers=LAYERS, **SETTINGS.get(name, {}))
    found = describe(AutoModelForCausalLM.from_config(config))
    layer, attention = found.layers[0], found.attentions[0]
    biased = ", ".join(part.removesuffix("_proj") for part in attention.biases)
    heads = ("normed" if attention.head_norms else "plain") + (f", biases on {biased}" if biased else "")
    heads += ", gated" if attention.gated else ""
    heads += ", values too" if attention.value_norm is not None else ""
    heads += ", of two widths" if len({one.width for one in found.attentions}) > 1 else ""
    from_keys = [one.values_from_keys for one in found.attentions]
    heads += f"; values are the keys in {_share(from_keys)}" if any(from_keys) else ""
    delta = [isinstance(one.attention, DeltaDescription) for one in found.layers]
    heads += f"; {_share(delta)} have a gated delta rule" if any(delta) else ""
    mlp = {"silu": "SwiGLU", "gelu_tanh": "GEGLU"}[layer.activation]
    windows = _share([one.window is not None for one in found.attentions])
    return f"| {name} | {_norms(layer)} | {heads} | {windows} | {_turned(found)} | {mlp} | {_factors(found)} |"


def _norms(layer: LayerDescription) -> str:
    before, after = layer.before_mlp is not None, layer.after_mlp is not None
    places = "before and after" if before and after else "before" if before else "after"
    norm = layer.before_mlp or layer.after_mlp
    return places + (", 1 + weight" if norm is not None and norm.plus_one else "")


def _turned(found: DecoderDescription) -> str:
    names = [getattr(layer.attention, "rotary", None) for layer in found.layers]
    tables = len({name for name in names if name is not None})
    share, attention = _share([name is not None for name in names]), found.attentions[0]
    part = "" if attention.turned is None else f", {attention.turned / attention.width:.0%} of a head"
    return (share if tables == 1 else f"{share}, by {tables} tables") + part


def _factors(found: DecoderDescription) -> str:
    layer, attention = found.layers[0], found.attentions[0]
    usual = attention.width**-0.5
    named = {
        "embeddings": found.embedding_scale != 1,
        "scores": abs(attention.scale - usual) > 1e-9,
        "queries by position": attention.query_scale is not None,
        "residuals": layer.residual_scale != 1,
        "logits": found.head_scale != 1,
        "a cap on logits": found.logit_cap is not None,
    }
    return ", ".join(name for name, there in named.items() if there) or "-"


def _share(layers: list[bool]) -> str:
    """Return how many of the layers, in the smallest numbers."""
    count, pattern = sum(layers), next(n for n in range(1, LAYERS + 1) if layers == layers[:n] * (LAYERS // n))
    if count in (0, LAYERS):
        return "all layers" if count else "-"
    return f"{sum(layers[:pattern])} of {pattern} layers"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
