"""How far bf16 takes the packed engine and the model's own `forward` from float64: whether ours is any worse.

    python benchmarks/bf16_rounding.py [--checkpoint bundled:gemma3-270m] [--draws 4]

The probe's examples, adapters with its small random B, a checkpoint in bf16. The same weights computed in float64 by
transformers' own `forward` are what both should give. Prints one JSON line: for each draw of tokens the relative
errors of loss and of all gradients together, and the distance between the two, which is what the probe sees.
"""

import argparse
import copy
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from src.commands.console import quiet_libraries
from src.config import load_config
from src.data.batches.packing import StepPacker
from src.decoder.packed_decoder import PackedDecoder
from src.models.autocast import autocast
from src.models.lora_loader import LoRALoader
from src.models.probe import BOUNDS, own_forward, probe_items, untouched
from src.models.probe import _other_tokens as other_tokens


def own_gradients(model: Any) -> tuple[float, list[torch.Tensor]]:
    """Return loss and gradients of what trains by the model's own `forward`."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    loss = own_forward(model, with_graph=True).loss
    return float(loss.detach()), [g.double() for g in torch.autograd.grad(loss, parameters)]


def packed_gradients(model: Any) -> tuple[float, list[torch.Tensor]]:
    """Return the same by the packed engine."""
    decoder = PackedDecoder(model)
    step = StepPacker(1024)(probe_items(model))
    batches, targets = step["micro_batches"], step["target_tokens"]
    loss = sum(float(decoder.add_gradients(b, targets, None, new_step=b is batches[0])) for b in batches)
    found = [p.grad.double().clone() for p in model.parameters() if p.requires_grad]
    decoder.gradients.detach()
    for parameter in model.parameters():
        parameter.grad = None
    return loss / targets, found


def apart(one: list[torch.Tensor], other: list[torch.Tensor]) -> float:
    """Return |one - other| / |other| of all gradients together."""
    pairs = zip(one, other, strict=True)
    return float(torch.stack([(a - b).norm() for a, b in pairs]).norm() / torch.stack([b.norm() for b in other]).norm())


def in_float64(model: Any) -> Any:
    """Return a copy that computes in float64 with the very same numbers, the embeddings' rounded factor too."""
    wide = copy.deepcopy(model)
    embedding = wide.get_input_embeddings()
    scale = getattr(embedding, "embed_scale", None)
    wide.double()
    if scale is not None:
        embedding.embed_scale = scale.to(model.get_input_embeddings().weight.dtype).double()
    return wide


def reading(model: Any, wide: Any) -> dict[str, float]:
    """Return the figures of a draw."""
    loss, ours = packed_gradients(model)
    own_loss, own = own_gradients(model)
    right_loss, right = own_gradients(wide)
    figures = {
        "loss_by_us": abs(loss / right_loss - 1),
        "loss_by_its_own": abs(own_loss / right_loss - 1),
        "gradients_by_us": apart(ours, right),
        "gradients_by_its_own": apart(own, right),
        "between_both": apart(ours, own),
    }
    return {name: float(f"{value:.2g}") for name, value in figures.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="bundled:gemma3-270m")
    parser.add_argument("--draws", type=int, default=4)
    arguments = parser.parse_args()
    quiet_libraries()
    overrides = [f"model.checkpoint={arguments.checkpoint}", "model.dtype=bf16", "dataset.format_type=instruction"]
    model = LoRALoader(load_config("quickstart", overrides)).load_model_and_tokenizer(True, False)[0]
    found = []
    with untouched(model), autocast(model):
        wide = in_float64(model)
        with untouched(wide):
            for draw in range(arguments.draws):
                with other_tokens(model, draw), other_tokens(wide, draw):
                    found.append(reading(model, wide))
                print(found[-1], file=sys.stderr)
    print(json.dumps({"checkpoint": arguments.checkpoint, "bounds": BOUNDS[torch.bfloat16], "draws": found}))


if __name__ == "__main__":
    main()
