"""Which share of the layers' weights has adapters and is in 4 bit.

PEFT and bitsandbytes take linear layers by their names and kind. Experts that are one stacked parameter stay in 16 bit,
and attention of another kind, with layers of other names, gets no adapter.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import nn
from transformers.pytorch_utils import Conv1D

from ..architectures import LINEARS
from .causal_head import without_wrapper
from .loaded_weights import names

_NO_MATRICES = (nn.Embedding, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class Coverage:
    """Counts of the layers' matrices (stacked experts too; not norms, biases, convolutions, embeddings, the head).

    Attributes:
        weights: values in all of them.
        adapted: values in those with an adapter.
        quantized: values in those in 4 bit.
        without_adapter: values in those without one though settings ask for it, by kind (`mlp.experts.down_proj`).
        in_16_bit: values in those that are not in 4 bit though settings ask for it, by kind.
        can_be_named: linear layers that `lora.target_modules` could name too.
    """

    weights: int
    adapted: int
    quantized: int
    without_adapter: dict[str, int]
    in_16_bit: dict[str, int]
    can_be_named: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Return what `run.json` holds: shares of 1, kinds that were left out with theirs."""
        return {
            "layer_weights": self.weights,
            "adapters": round(self.adapted / self.weights, 4),
            "4_bit": round(self.quantized / self.weights, 4),
            "without_adapter": self._shares(self.without_adapter),
            "in_16_bit": self._shares(self.in_16_bit),
        }

    def sentence(self) -> str:
        """Return both shares in words."""
        adapted, quantized = (f"{_percent(part / self.weights)}" for part in (self.adapted, self.quantized))
        return f"Of the layers' weights {adapted} have adapters and {quantized} are in 4 bit"

    def warnings(self) -> list[str]:
        """Return a line for each of both that is less than settings ask for."""
        lines = []
        if self.in_16_bit:
            lines.append(
                f"QLoRA: {self._left(self.in_16_bit)} of the layers' weights stay in 16 bit, which bitsandbytes does "
                f"not know as linear layers: {self._named(self.in_16_bit)}"
            )
        if self.without_adapter:
            more = f"; lora.target_modules can name {names(self.can_be_named, 6)} too" if self.can_be_named else ""
            lines.append(
                f"LoRA: {self._left(self.without_adapter)} of the layers' weights get no adapter: "
                f"{self._named(self.without_adapter)}{more}"
            )
        return lines

    def _shares(self, kinds: dict[str, int]) -> dict[str, float]:
        return {kind: round(count / self.weights, 4) for kind, count in kinds.items()}

    def _left(self, kinds: dict[str, int]) -> str:
        return _percent(sum(kinds.values()) / self.weights)

    def _named(self, kinds: dict[str, int]) -> str:
        return names(f"{kind} ({_percent(count / self.weights)})" for kind, count in kinds.items())


def _percent(share: float) -> str:
    """Return a share in percent, of which 100% and 0% mean all and nothing."""
    text = f"{100 * share:.1f}%"
    if text == "100.0%" and share < 1:
        return "99.9%"
    return "0.1%" if text == "0.0%" and share > 0 else text.replace("100.0", "100").replace("0.0%", "0%", share == 0)


def measure_coverage(model: Any, targets: Sequence[str], quantizes: bool) -> Coverage:
    """Return what adapters and 4 bit reach in a loaded model.

    With all of `LINEARS` among `targets` (`lora.target_modules`) every matrix is meant; `quantizes`: 4 bit was asked
    for.
    """
    causal_lm = without_wrapper(model)
    # The parameter that an adapter changes: a layer's weight, or another one that is named.
    adapted_ids = {
        id(getattr(layer.get_base_layer(), getattr(layer, "parameter_name", "weight"), None))
        for layer in causal_lm.modules()
        if isinstance(layer, LoraLayer)
    }
    head = causal_lm.get_output_embeddings()
    weights = adapted = quantized = 0
    wanted = set(targets) if isinstance(model, PeftModel) else set[str]()
    means_all = wanted.issuperset(LINEARS)
    without_adapter, in_16_bit, can_be_named = Counter[str](), Counter[str](), set[str]()
    for path, module in causal_lm.named_modules():
        if module is head or isinstance(module, _NO_MATRICES) or ".lora_" in path:
            continue
        for leaf, weight in module.named_parameters(recurse=False):
            state = getattr(weight, "quant_state", None)
            shape = weight.shape if state is None else state.shape
            if len(shape) < 2 or leaf.startswith(("lora_", "trainable_tokens")):
                continue
            count, kind = shape.numel(), _kind(path, leaf)
            is_asked = isinstance(module, nn.Linear | Conv1D) or len(shape) > 2  # else a router, or a state's matrix
            weights += count
            if state is not None:
                quantized += count
            elif quantizes and is_asked:
                in_16_bit[kind] += count
            if id(weight) in adapted_ids:
                adapted += count
            elif is_asked and (means_all or kind.rpartition(".")[2] in wanted):
                without_adapter[kind] += count
                if len(shape) == 2:
                    can_be_named.add(kind.rpartition(".")[2])
    return Coverage(
        weights,
        adapted,
        quantized,
        dict(without_adapter.most_common()),
        dict(in_16_bit.most_common()),
        tuple(sorted(can_be_named - set(targets))),
    )


def _kind(path: str, leaf: str) -> str:
    """Return a weight's name without its layer's number, PEFT's wrappers and `weight`."""
    path = re.sub(r"\.base_layer\b", "", path)
    path = re.sub(r"^.*?\b(layers|h|blocks)\.\d+\.", "", path)
    path = re.sub(r"\.\d+\b", "", path)
    return path if leaf == "weight" else f"{path}.{leaf}"
