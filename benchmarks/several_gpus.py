"""Training speed on several GPUs of one machine against one of them, in one call, with random weights.

    python benchmarks/several_gpus.py llama3_3b --examples FILE [--cards 2 4] [--per-card 64] [--out FILE]
    python benchmarks/several_gpus.py tiny --cards 2                  # tries the script with processes on the CPU

SHAPE and FILE as train_throughput.py has them (without FILE: random ids of dialogues' lengths). One card trains with
64 examples a step; so many cards then with 64 examples each (`weak`) and with 64 in all (`strong`). NF4 with double
quantization, r 16 on seven projections, bf16, the whole card. Rates are means over whole steps after warm-up: wall time
with packing, transfer, all-reduce, clipping and optimizer. A JSON line a variant, with its ratio to one card's rate.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

WARM_UP, STEPS, POOL = 12, 20, 2560


def examples_of(path: Path | None, count: int, vocabulary: int) -> Any:
    """Return `count` examples of a file, shuffled again and again, or random ones."""
    import torch
    import train_throughput
    from random_checkpoint import random_prompts

    pool = json.loads(path.read_text(encoding="utf-8")) if path else None
    if pool is None:
        source = random.Random(1)
        targets = [source.randrange(20, 90) for _ in range(499)]
        pool = [
            {"input_ids": ids + [source.randrange(vocabulary) for _ in range(more)], "prompt_len": len(ids)}
            for ids, more in zip(random_prompts(vocabulary), targets, strict=True)
        ]
    chosen, items = random.Random(0), train_throughput.Items()
    while len(items) < count:
        for example in chosen.sample(pool, len(pool)):
            ids = torch.tensor(example["input_ids"])
            labels = ids.clone()
            labels[: example["prompt_len"]] = -100
            items.append({"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels})
    return train_throughput.Items(items[:count])


def model_of(shape: str) -> Any:
    """Return a model of random weights with a new adapter: in NF4 on the GPU, or the tiny one."""
    import train_throughput

    if shape != "tiny":
        return train_throughput.build_model(shape, 0.0)
    from peft import LoraConfig, get_peft_model
    from random_checkpoint import random_model

    projections = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    settings = LoraConfig(r=16, lora_alpha=32, target_modules=projections, task_type="CAUSAL_LM")
    return get_peft_model(random_model(shape).float(), settings)


def measure(given: dict[str, Any]) -> dict[str, Any]:
    """Train as this rank of so many; return rank 0's figures of the steps after warm-up."""
    import torch
    import train_throughput
    from random_checkpoint import SHAPES
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        """When training began to be timed and ended, with the GPU's work done."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step in (WARM_UP, WARM_UP + STEPS):
                if torch.cuda.is_available():
                    torch.cuda.synchronize()
                times.append(time.perf_counter())
                tokens.append(int(trainer.trainer.trained_tokens))

    shape, examples = given["shape"], given["examples_a_step"]
    vocabulary = SHAPES[train_throughput.SHAPES.get(shape, shape)]["vocab_size"]
    items = examples_of(Path(given["file"]) if given["file"] else None, max(POOL, examples * 8), vocabulary)
    times: list[float] = []
    tokens: list[int] = []
    settings = [f"training.batch_size={examples}", "training.gradient_accumulation_steps=1", "training.logging_steps=8"]
    if shape == "tiny":
        settings += ["model.dtype=fp32", "training.micro_batch_tokens=1024"]
    with tempfile.TemporaryDirectory() as folder:
        steps, model = WARM_UP + STEPS, model_of(shape)
        trainer = train_throughput.trainer_for(model, items, Path(folder), steps, 0, 0.0, "compute", *settings)
        trainer.trainer.add_callback(Clock())
        results = trainer.train()
    seconds, plan = times[1] - times[0], results["memory_plan"] or {}
    return {
        "samples_s": round(examples * STEPS / seconds, 1),
        "tokens_s": round((tokens[1] - tokens[0]) / seconds),
        "step_s": round(seconds / STEPS, 4),
        "micro_batch_tokens": plan.get("micro_batch_tokens"),
        "peak_gb": round(results["peak_memory_bytes"] / 1e9, 2),
        "loss": round(results["train_loss"], 4),
    }


def run_rank(given: dict[str, Any]) -> None:
    """Measure as one process, alone or with others; rank 0 writes the figures."""
    from src.models.gpu_memory import ask_for_growing_segments

    ask_for_growing_segments()  # before torch reads it
    from src.ranks.group import is_first_rank
    from src.ranks.joining import one_of_several
    from src.ranks.place import place_of
    from src.training.guards.one_process import leave_out_launchers

    def work() -> None:
        leave_out_launchers()
        found = measure(given)
        if is_first_rank():
            Path(given["result"]).write_text(json.dumps(found), encoding="utf-8")

    place = place_of()
    if place is None:
        work()
        return
    with one_of_several(place, 5, show_traceback=True):
        work()


def run_variant(given: dict[str, Any], cards: int) -> dict[str, Any]:
    """Train on so many cards in processes of their own; return the figures, or the error."""
    from src.ranks.launcher import Launcher

    with tempfile.TemporaryDirectory() as folder:
        given = given | {"result": str(Path(folder) / "result.json")}
        command = [sys.executable, __file__, "--rank", json.dumps(given)]
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        names = visible.split(",") if visible else [str(card) for card in range(cards)]
        if cards == 1:
            environment = os.environ | {"CUDA_VISIBLE_DEVICES": names[0]}
            code, failure = subprocess.run(command, env=environment, check=False).returncode, None
        else:
            code, failure = Launcher(command, cards, names[:cards]).run()
        if code:
            return {"error": failure.sentence() + failure.trace if failure else f"exit code {code}"}
        return dict(json.loads(Path(given["result"]).read_text(encoding="utf-8")))


def main() -> None:
    """Measure one card, then so many in both ways, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", nargs="?", choices=["llama3_3b", "llama3_8b", "qwen3_4b", "tiny"])
    parser.add_argument("--examples", type=Path)
    parser.add_argument("--cards", type=int, nargs="+", default=[2])
    parser.add_argument("--per-card", type=int, default=64, help="examples of a step on one card")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rank", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.rank:
        run_rank(json.loads(given.rank))
        return
    from result_line import measured_at, print_line

    variants = [("one", 1, given.per_card)]
    for cards in given.cards:
        variants += [("weak", cards, given.per_card * cards), ("strong", cards, given.per_card)]
    base = 0.0
    for name, cards, examples in variants:
        line: dict[str, Any] = {"shape": given.shape, "variant": name, "cards": cards, "examples_a_step": examples}
        line |= run_variant(line | {"file": str(given.examples) if given.examples else None}, cards)
        base = base or line.get("samples_s", 0.0)
        line["ratio"] = round(line.get("samples_s", 0.0) / base, 3) if base else None
        print_line(line | measured_at(), given.out)


if __name__ == "__main__":
    main()
