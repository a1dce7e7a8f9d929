"""What rounding an adapter's sum twice costs, as autocast does in bf16: the loss of one batch, exact and rounded.

    python benchmarks/adapter_rounding.py

Trains an adapter of the bundled model for two steps on four sample examples in float32, and computes their loss with
the layers' outputs `x W^T + s x A^T B^T` rounded to bf16: once, as a sum; or twice, the frozen product first, which
loses what is small beside it. All else stays in float32. Prints one JSON line.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from peft.tuners.lora import Linear

from src.commands.console import quiet_libraries
from src.config import load_config
from src.data.batches.padding import RightPadder
from src.data.files.sources import load_dialogues
from src.data.llm_dataset import create_llm_dataset
from src.data.prompt.prompts import prompt_arguments

EXAMPLES, STEPS = 4, 2


def rounded(x: torch.Tensor) -> torch.Tensor:
    """Return x with bf16's precision."""
    return x.bfloat16().to(x.dtype)


SUMS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "without_adapter": lambda base, delta: base,
    "exact": lambda base, delta: base + delta,
    "rounded_once": lambda base, delta: rounded(base + delta),
    "rounded_twice": lambda base, delta: rounded(rounded(base) + rounded(delta)),
}


def forward(layer: Any, add: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Return a layer's output with its adapter's added by `add`."""
    delta = layer.lora_B["default"](layer.lora_A["default"](x)) * layer.scaling["default"]
    return add(layer.base_layer(x), delta)


def main() -> None:
    """Train, compute the losses and print."""
    quiet_libraries()
    from src.models.lora_loader import LoRALoader
    from src.training.llm_trainer import create_llm_trainer
    from src.training.loss import response_loss

    with tempfile.TemporaryDirectory() as folder:
        schedule = ["training.lr_scheduler_type=constant", "training.warmup_ratio=0", f"training.max_steps={STEPS}"]
        precision = ["model.dtype=fp32", "lora.use_qlora=false", "lora.dropout=0"]
        batch = [f"training.batch_size={EXAMPLES}", "training.gradient_accumulation_steps=1"]
        config = load_config("quickstart", [*schedule, *precision, *batch, f"experiment.output_dir={folder}"])
        config.training.report_to = []
        model, tokenizer = LoRALoader(config).load_model_and_tokenizer(use_lora=True, use_qlora=False)
        rows = load_dialogues(config.data.train, config.data).rows[:EXAMPLES]
        texts = [row.dialogue for row in rows], [row.summary for row in rows]
        dataset = create_llm_dataset(*texts, tokenizer, **prompt_arguments(config))
        create_llm_trainer(config, model, tokenizer, dataset).train()
    padded = RightPadder(0)([dataset[index] for index in range(EXAMPLES)])
    targets = int((padded["labels"] != -100).sum())
    layers = [module for module in model.modules() if isinstance(module, Linear)]
    losses = {}
    for name, add in SUMS.items():
        for layer in layers:
            layer.forward = partial(forward, layer, add)
        with torch.no_grad():
            losses[name] = round(float(response_loss(model.eval(), padded)[0]) / targets, 4)
    print(json.dumps({"benchmark": "adapter_rounding", "steps": STEPS, "layers": len(layers), "loss": losses}))


if __name__ == "__main__":
    main()
