"""Training speed on this CPU, held against the matrix product rate that the machine shows in the same run.

    python benchmarks/cpu_training.py [--steps 12] [key=value ...]

Trains the bundled model as the quickstart does, with further settings where given. The ratio counts 4 FLOP a frozen
(4-bit) parameter and token: one product forward, one backward, none for frozen weights' gradients. With the head it
also counts 4 for each value of the head and token with a loss, by the data's mean share of these. The rate of products
is measured for 0.4 s before and after each step, as a mean over that time: a machine that others share changes its
speed within seconds, so a step compares with the products around it only. Prints one JSON line.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from src.commands.console import quiet_libraries
from src.config import load_config
from src.data.files.sources import load_dialogues
from src.data.llm_dataset import create_llm_dataset
from src.data.prompt.prompts import prompt_arguments


def product_rate(dtype: Any, seconds: float = 0.4) -> float:
    """Return the mean rate of matrix products of a micro-batch's size in so many seconds, in FLOP/s."""
    import torch

    generator = torch.Generator().manual_seed(0)  # not the run's numbers
    left, right = (torch.randn(rows, 1536, generator=generator).to(dtype) for rows in (512, 1536))
    start, products = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        torch.nn.functional.linear(left, right)
        products += 1
    return 2 * 512 * 1536 * 1536 * products / (time.perf_counter() - start)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("settings", nargs="*", metavar="key=value")
    given = parser.parse_args()
    quiet_libraries()
    import torch
    from transformers import TrainerCallback

    from src.models.dequantized import dequantized_bytes
    from src.models.lora_loader import LoRALoader
    from src.planner.machine import cpu_name
    from src.training.llm_trainer import create_llm_trainer

    with tempfile.TemporaryDirectory() as folder:
        config = load_config(
            "quickstart",
            [f"training.max_steps={given.steps}", f"experiment.output_dir={folder}", *given.settings],
        )
        config.training.report_to = []
        loader = LoRALoader(config)
        model, tokenizer = loader.load_model_and_tokenizer(use_lora=True, use_qlora=True)
        rows = load_dialogues(config.data.train, config.data).rows
        dataset = create_llm_dataset(
            [row.dialogue for row in rows], [row.summary for row in rows], tokenizer, **prompt_arguments(config)
        )
        trainer = create_llm_trainer(config, model, tokenizer, dataset)
        dtype = loader.compute.torch_dtype
        marks: list[
            tuple[float, float, int, float]
        ] = []  # a step's end, when the next begins, tokens, rate of products

        class Clock(TrainerCallback):
            """Measures products between two steps."""

            def on_step_end(self, *_: Any, **__: Any) -> None:
                end = time.perf_counter()
                rate = product_rate(dtype)
                marks.append((end, time.perf_counter(), int(trainer.trainer.trained_tokens), rate))

        trainer.trainer.add_callback(Clock())
        results = trainer.train()
    frozen = dequantized_bytes(model, dtype) // dtype.itemsize
    # The first two steps allocate; the rest is steady.
    steps = [
        ((after[2] - before[2]) / (after[0] - before[1]), (before[3] + after[3]) / 2)
        for before, after in pairwise(marks[1:])
    ]
    shares = [4 * frozen * tokens_per_second / rate for tokens_per_second, rate in steps]
    labels = torch.cat([item["labels"] for item in dataset])
    head = model.get_output_embeddings().weight.numel() * (labels != -100).double().mean().item()
    share = statistics.median(shares)
    median = statistics.median(tokens_per_second for tokens_per_second, _ in steps)
    rate = statistics.median(rate for _, rate in steps)
    print(
        json.dumps(
            {
                "benchmark": "cpu_training",
                "cpu": cpu_name(),
                "compute_dtype": loader.compute.dtype,
                "tokens_per_second": round(median, 1),
                "frozen_parameters": frozen,
                "product_gflops": round(rate / 1e9, 1),
                "share_of_product_rate": round(share, 3),
                "share_with_head": round(share * (1 + head / frozen), 3),
                "shares": [round(share, 3) for share in (min(shares), max(shares))],
                "micro_batch_tokens": trainer.resolved.engine.micro_batch_tokens,
                "dropout": config.lora.dropout,
                "peak_memory_gb": round(results["peak_memory_bytes"] / 1e9, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
