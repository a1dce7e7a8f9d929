"""Training speed and memory of the packed engine on a GPU, in the exact shape of a large model (random weights).

    python benchmarks/train_throughput.py SHAPE --examples FILE [--budgets 4 5.2 8 0] [--dropout 0] [--fp8] [--out FILE]

SHAPE is llama3_3b, qwen3_4b or llama3_8b; FILE holds token ids as `input_ids` and `prompt_len`, of which each step
takes 64; a budget of 0 is the whole card. NF4 with double quantization, r 16 on seven projections, bf16. Rates are
means over whole steps after warm-up: wall time with packing, transfer, clipping and optimizer. A JSON line a variant,
appended to `--out` too.
"""

import argparse
import gc
import json
import random
import sys
import tempfile
import time
from itertools import takewhile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from src.models.gpu_memory import ask_for_growing_segments

ask_for_growing_segments()  # before torch reads it

import torch
from random_checkpoint import random_model
from result_line import measured_at, print_line
from torch import nn

PER_STEP, WARM_UP, STEPS = 64, 20, 20  # twice the 640 examples of ../shared each; by then most sizes are captured
SHAPES = {"llama3_3b": "llama_3.2_3b", "llama3_8b": "llama_3_8b", "qwen3_4b": "qwen3_4b"}


class Items(list[dict[str, torch.Tensor]]):
    """A data set of encoded examples, with their lengths.

    Attributes:
        common_tokens: how many tokens all begin with.
    """

    common_tokens = 0

    @property
    def lengths(self) -> list[int]:
        """Return tokens of each."""
        return [len(item["input_ids"]) for item in self]


def load_examples(path: Path, steps: int) -> Items:
    """Return examples for so many steps, the file's shuffled again and again."""
    pool, rng = json.loads(path.read_text(encoding="utf-8")), random.Random(0)
    items = Items()
    while len(items) < PER_STEP * steps:
        rng.shuffle(pool)
        for example in pool:
            ids = torch.tensor(example["input_ids"])
            labels = ids.clone()
            labels[: example["prompt_len"]] = -100
            items.append({"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels})
    items = Items(items[: PER_STEP * steps])
    items.common_tokens = common_beginning(pool)
    return items


def common_beginning(pool: list[dict[str, Any]]) -> int:
    """Return how many tokens before the targets all examples begin with."""
    columns = zip(*(example["input_ids"][: example["prompt_len"] - 1] for example in pool), strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def build_model(shape: str, dropout: float) -> Any:
    """Return a model of random weights in NF4 with a new adapter, on the GPU."""
    import bitsandbytes as bnb
    from peft import LoraConfig, get_peft_model

    model = random_model(SHAPES[shape])
    for layer in model.model.layers:
        for parent in (layer.self_attn, layer.mlp):
            for name, linear in list(parent.named_children()):
                if isinstance(linear, nn.Linear):
                    sizes = linear.in_features, linear.out_features
                    quantized = bnb.nn.Linear4bit(*sizes, bias=False, compute_dtype=torch.bfloat16, device="meta")
                    weight = bnb.nn.Params4bit(
                        linear.weight.data, requires_grad=False, quant_type="nf4", compress_statistics=True
                    )
                    quantized.weight = weight.to("cuda")
                    setattr(parent, name, quantized)
    model.is_loaded_in_4bit = True
    for parameter in model.parameters():
        parameter.requires_grad = False
    projections = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    settings = LoraConfig(r=16, lora_alpha=32, lora_dropout=dropout, target_modules=projections, task_type="CAUSAL_LM")
    model = get_peft_model(model, settings)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.float()
    gc.collect()
    torch.cuda.empty_cache()
    return model


def trainer_for(
    model: Any,
    items: Items,
    folder: Path,
    steps: int,
    budget: float,
    dropout: float = 0.0,
    precision: str = "compute",
    *settings: str,
) -> Any:
    """Return the product's trainer of so many steps, which writes no model; `settings` are further overrides."""
    from src.config import load_config
    from src.training.llm_trainer import LLMTrainer

    fixed = [f"experiment.output_dir={folder}", f"training.max_steps={steps}", "training.report_to=[]"]
    if budget:
        fixed.append(f"training.memory_budget_gb={budget}")
    fixed += [f"lora.dropout={dropout}", f"training.base_precision={precision}"]
    fixed += ["training.engine=packed", "training.optim=adamw_torch_fused"]
    config = load_config("llama_3.2_3b", [*fixed, *settings])

    class Unsaved(LLMTrainer):
        """A trainer without what is not measured."""

        def save_final_model(self) -> Path:
            return folder

    trainer = Unsaved(config, model, _Tokenizer(), items)
    trainer.trainer.args.save_strategy = "no"
    return trainer


def measure(
    model: Any, items: Items, budget: float, dropout: float, precision: str = "compute", *settings: str
) -> dict[str, Any]:
    """Train with the product's trainer, with further overrides; return the figures of the steps after warm-up."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        """When training began to be timed and ended, with the GPU's work done."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step in (WARM_UP, WARM_UP + STEPS):
                torch.cuda.synchronize()
                times.append(time.perf_counter())
                tokens.append(int(trainer.trainer.trained_tokens))

    times: list[float] = []
    tokens: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        torch.cuda.reset_peak_memory_stats()
        trainer = trainer_for(model, items, Path(folder), WARM_UP + STEPS, budget, dropout, precision, *settings)
        trainer.trainer.add_callback(Clock())
        results = trainer.train()
    seconds, plan = times[1] - times[0], results["memory_plan"]
    return {
        "samples_s": round(PER_STEP * STEPS / seconds, 1),
        "tokens_s": round((tokens[1] - tokens[0]) / seconds),
        "peak_alloc_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2),
        "peak_reserved_gb": round(torch.cuda.max_memory_reserved() / 1e9, 2),
        "predicted_peak_gb": round(plan["peak_bytes"] / 1e9, 2),
        "micro_batch_tokens": plan["micro_batch_tokens"],
        "checkpointing": len(model.get_base_model().model.layers) - plan["kept_layers"],
        "keeps_inputs": plan["keeps_inputs"],
        "captured_graphs": trainer.trainer.passes.captured if trainer.trainer.passes else 0,
        "loss": round(results["train_loss"], 3),
    }


class _Tokenizer:
    """What the trainer asks of a tokenizer, whose work is done already."""

    pad_token_id, pad_token, padding_side = 0, "<pad>", "left"

    def save_pretrained(self, folder: str) -> None:
        """Write nothing."""


def main() -> None:
    """Measure each variant and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--examples", type=Path, required=True)
    parser.add_argument("--budgets", type=float, nargs="+", default=[4, 5.2, 8, 0])
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--whole", action="store_true", help="compute what all examples begin with for each anew")
    parser.add_argument("--fp8", action="store_true", help="frozen products in 8 bit")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    model, items = build_model(given.shape, given.dropout), load_examples(given.examples, WARM_UP + STEPS)
    from src.data.batches.bins import shared_tokens

    if given.whole:
        items.common_tokens = 0
    for budget in given.budgets:
        line: dict[str, Any] = {"shape": given.shape, "engine": "packed"}
        line |= {"budget_gb": budget or None, "dropout": given.dropout}
        line |= {"base_precision": "fp8"} if given.fp8 else {}
        line["shared_tokens"] = shared_tokens(items.common_tokens)
        try:
            line |= measure(model, items, budget, given.dropout, line.get("base_precision", "compute"))
        except Exception as error:
            line |= {"samples_s": 0, "error": str(error).splitlines()[0][:200]}
        print_line(line | measured_at(), given.out)
        gc.collect()
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
