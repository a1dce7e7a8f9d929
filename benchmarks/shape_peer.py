"""Training speed in a published model's exact shape, against what else trains it in the same memory. A line a side.

    python benchmarks/shape_peer.py qwen3.5_4b|gemma3_4b --tokenizer DIR [--examples FILE] [--budget 10] [--out FILE]
    python benchmarks/shape_peer.py qwen3.5_4b --tokenizer DIR --tiny --sides ours trainer       # on a CPU

Random weights in the shape that is shipped for the config's checkpoint, NF4 with double quantization, r 16 on the
config's matrices, no dropout, bf16, 64 examples a step, loss on responses; each side loads the same folder in a process
of its own. Sides: `ours`, by the product's loader and trainer within the budget; `unsloth` (with TRL, padded batches,
layer inputs offloaded); `trainer`, Trainer + PEFT with recomputed layers, only where Unsloth did not run unless it is
named. FILE holds token ids (`input_ids`, `prompt_len`); DIR a tokenizer whose control tokens are a chat's. Rates are
means over whole steps after warm-up. Where kernels tune themselves for minutes (flash-linear-attention's), run it once
before with `--side-seconds 600`: Triton keeps what it has built.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

SIDES = ("ours", "unsloth", "trainer")
BATCH = {
    "unsloth": 16,
    "trainer": 4,
}  # examples of a micro-batch; the vocabulary's logits are most of the trainer's memory
PLANNED = ("micro_batch_tokens", "kept_layers", "shares_beginning", "peak_bytes", "step_seconds")
STEPS = {"ours": (15, 15), "unsloth": (3, 5), "trainer": (1, 2)}  # warm-up, and those that are timed


def main() -> None:
    """Write the checkpoint, measure the sides, print their lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", help="a config of configs/models")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--examples", type=Path)
    parser.add_argument("--budget", type=float, default=10.0, help="GB of ours")
    parser.add_argument("--batch", type=int, help="examples of a peer's micro-batch")
    parser.add_argument("--sides", nargs="+", choices=SIDES, help="default: ours and the first peer that runs")
    parser.add_argument("--side-seconds", type=float, default=280, help="after which a side is ended")
    parser.add_argument("--tiny", action="store_true", help="few small layers and two examples a step")
    parser.add_argument("--out", type=Path, help="file that the lines are added to")
    parser.add_argument("--checkpoint", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--side", choices=("build", *SIDES), help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.per_step = 2 if given.tiny else 64
    if given.side:
        work = {"build": build, "ours": ours, "unsloth": unsloth, "trainer": trainer}[given.side]
        print(json.dumps(work(given)))
        return
    from result_line import measured_at, print_line

    with tempfile.TemporaryDirectory() as folder:
        sized = measured("build", folder, given.side_seconds)
        base = 0.0
        for side in given.sides or SIDES:
            found = sized if "error" in sized else measured(side, folder, given.side_seconds)
            base = base or found.get("samples_s", 0.0)
            ratio = round(base / found["samples_s"], 2) if found.get("samples_s") and side != "ours" else None
            line = {"benchmark": "shape_peer", "shape": given.shape, "side": side, "budget_gb": given.budget}
            print_line(line | found | {"times_slower": ratio} | measured_at(), given.out)
            if side == "unsloth" and "error" not in found and not given.sides:
                break


def measured(side: str, folder: str, most_seconds: float) -> dict[str, Any]:
    """Return a side's figures from a process of its own, or what went wrong there."""
    command = [sys.executable, __file__, *sys.argv[1:], "--side", side, "--checkpoint", folder]
    began = time.perf_counter()
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=most_seconds)
    except subprocess.TimeoutExpired:
        return {"error": f"not done after {most_seconds:g} seconds"}
    seconds = {"process_seconds": round(time.perf_counter() - began, 1)}
    if ended.returncode == 0:
        found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return found | seconds
    sys.stderr.write(ended.stderr)
    return {"error": (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1][:300]} | seconds


def build(given: argparse.Namespace) -> dict[str, Any]:
    """Write a checkpoint of random weights with the tokenizer's files."""
    import shutil

    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from src.config import load_config

    shipped = json.loads((ROOT / "src" / "planner" / "shapes.json").read_text(encoding="utf-8"))
    sizes = dict(shipped[load_config(given.shape).model.checkpoint])
    if given.tiny:
        sizes |= {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 6, "head_dim": 16}
        sizes |= {"num_attention_heads": 4, "num_key_value_heads": 2}
        delta = {"linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 16,
                 "linear_value_head_dim": 16}  # fmt: skip
        sizes |= delta if "linear_num_value_heads" in sizes else {}
    ends = {"bos_token_id": None, "eos_token_id": 2, "pad_token_id": None}
    config = AutoConfig.for_model(sizes.pop("model_type"), **sizes, **ends)
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(given.checkpoint, max_shard_size="40GB")
    for path in given.tokenizer.iterdir():
        shutil.copyfile(path, given.checkpoint / path.name)
    return {"parameters": sum(parameter.numel() for parameter in model.parameters())}


def examples(given: argparse.Namespace, side: str) -> Any:
    """Return the examples of all of a side's steps, the same for each."""
    from several_gpus import examples_of

    vocabulary = json.loads((given.checkpoint / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    source = {"file": given.examples, "variant": "one", "shape": given.shape}
    return examples_of(source, given.per_step * sum(steps_of(given, side)), vocabulary)


def steps_of(given: argparse.Namespace, side: str) -> tuple[int, int]:
    """Return how many steps a side warms up for, and how many are timed."""
    return (1, 1) if given.tiny else STEPS[side]


class Clock:
    """Moments at which steps ended, with the GPU's work done; and the memory's peak since."""

    def __init__(self) -> None:
        """Nothing has ended; the peak begins anew."""
        import torch

        self.cuda = torch.cuda.is_available()
        self.moments: list[float] = []
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()

    def callback(self) -> Any:
        """Return what a Trainer calls."""
        from transformers import TrainerCallback

        clock = self

        class Ticks(TrainerCallback):
            """Notes the end of each step."""

            def on_step_end(self, *_: Any, **__: Any) -> None:
                import torch

                if clock.cuda:
                    torch.cuda.synchronize()
                clock.moments.append(time.perf_counter())

        return Ticks()

    def figures(self, given: argparse.Namespace, side: str, work: Any) -> dict[str, Any]:
        """Return rates over the timed steps (all examples' mean length), and the peak."""
        import torch

        first, timed = steps_of(given, side)
        rate = given.per_step * timed / (self.moments[first + timed - 1] - self.moments[first - 1])
        peaks = (torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()) if self.cuda else (0, 0)
        return {
            "samples_s": round(rate, 2),
            "tokens_s": round(rate * statistics.mean(len(one["input_ids"]) for one in work)),
            "peak_alloc_gb": round(peaks[0] / 1e9, 2),
            "peak_reserved_gb": round(peaks[1] / 1e9, 2),
        }


def ours(given: argparse.Namespace) -> dict[str, Any]:
    """Train with the product's loader and trainer."""
    from src.models.gpu_memory import ask_for_growing_segments

    ask_for_growing_segments()  # before torch reads it
    import train_throughput

    from src.models.lora_loader import load_lora_model_and_tokenizer

    config = config_of(given)
    work = examples(given, "ours")
    model, _ = load_lora_model_and_tokenizer(config, use_lora=True, use_qlora=True)
    batch = (f"training.batch_size={given.per_step}", "training.gradient_accumulation_steps=1")
    tiny = ("model.dtype=fp32",) if given.tiny else ()
    clock = Clock()
    budget = 0 if given.tiny else given.budget
    with tempfile.TemporaryDirectory() as folder:
        sizes = Path(folder), sum(steps_of(given, "ours")), budget, 0.0, "compute"
        trainer = train_throughput.trainer_for(model, work, *sizes, *batch, *tiny)
        trainer.trainer.add_callback(clock.callback())
        results = trainer.train()
    plan = results["memory_plan"] or {}
    how = {name: plan.get(name) for name in PLANNED}
    return clock.figures(given, "ours", work) | how | {"loss": round(results["train_loss"], 3)}


def config_of(given: argparse.Namespace) -> Any:
    """Return the shape's config with the random checkpoint, without dropout."""
    from src.config import load_config

    tiny = ("model.dtype=fp32",) if given.tiny else ()
    return load_config(given.shape, [f"model.checkpoint={given.checkpoint}", "lora.dropout=0", *tiny])


def unsloth(given: argparse.Namespace) -> dict[str, Any]:
    """Train with Unsloth and TRL, padded batches and layer inputs offloaded."""
    os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
    from ddp_peers import unsloth_model

    model, tokenizer = unsloth_model(given.checkpoint, config_of(given).lora.target_modules, recompute=True)
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    work = examples(given, "unsloth")
    rows = [{name: one[name].tolist() for name in ("input_ids", "labels")} for one in work]
    prepared = {"max_length": 2048, "padding_free": False, "dataset_kwargs": {"skip_prepare_dataset": True}}
    with tempfile.TemporaryDirectory() as folder:
        arguments = SFTConfig(**common(given, "unsloth", folder), **prepared)
        clock = Clock()
        its = SFTTrainer(model=model, processing_class=tokenizer, args=arguments, train_dataset=Dataset.from_list(rows),
                         callbacks=[clock.callback()])  # fmt: skip
        its.train()
    return clock.figures(given, "unsloth", work) | {"version": version("unsloth"), "batch": batch_of(given, "unsloth")}


def trainer(given: argparse.Namespace) -> dict[str, Any]:
    """Train with transformers' Trainer and PEFT, padded batches and recomputed layers."""
    import torch
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig, Trainer, TrainingArguments

    from src.data.batches.padding import RightPadder

    dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    quantization = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_use_double_quant=True, bnb_4bit_quant_type="nf4",
                                      bnb_4bit_compute_dtype=dtype)  # fmt: skip
    model = AutoModelForCausalLM.from_pretrained(
        given.checkpoint, quantization_config=quantization, dtype=dtype,
        device_map={"": 0 if torch.cuda.is_available() else "cpu"},
    )  # fmt: skip
    model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    targets = config_of(given).lora.target_modules
    model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules=targets, task_type="CAUSAL_LM"))
    model.enable_input_require_grads()
    work = examples(given, "trainer")
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            **common(given, "trainer", folder), remove_unused_columns=False, gradient_checkpointing=True,
            gradient_checkpointing_kwargs={"use_reentrant": False},
        )  # fmt: skip
        clock = Clock()
        its = Trainer(model=model, train_dataset=list(work), data_collator=RightPadder(0), args=arguments,
                      callbacks=[clock.callback()])  # fmt: skip
        its.train()
    return clock.figures(given, "trainer", work) | {"batch": batch_of(given, "trainer")}


def common(given: argparse.Namespace, side: str, folder: str) -> dict[str, Any]:
    """Return the settings that both peers' trainers are told."""
    import torch

    cuda, batch = torch.cuda.is_available(), batch_of(given, side)
    return {
        "output_dir": folder,
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": given.per_step // batch,
        "max_steps": sum(steps_of(given, side)),
        "learning_rate": 2e-5,
        "optim": "adamw_torch_fused" if cuda else "adamw_torch",
        "bf16": cuda,
        "use_cpu": not cuda,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
    }


def batch_of(given: argparse.Namespace, side: str) -> int:
    """Return the examples of a peer's micro-batch."""
    return min(given.batch or BATCH[side], given.per_step)


if __name__ == "__main__":
    main()
