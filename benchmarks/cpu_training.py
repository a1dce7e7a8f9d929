"""Training speed on this CPU, held against the matrix product rate that the machine shows in the same run.

    python benchmarks/cpu_training.py [--steps 12]

Trains the bundled model as the quickstart does. The ratio counts 4 FLOP a frozen (4-bit) parameter and token: one
product forward, one backward, none for frozen weights' gradients. Prints one JSON line.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from src.commands.console import quiet_libraries
from src.commands.steps import prompt_arguments
from src.config import load_config
from src.data.llm_dataset import create_llm_dataset
from src.data.sources import load_dialogues


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=12)
    steps = parser.parse_args().steps
    quiet_libraries()
    from src.models.compute import cpu_name, measure_product_rate
    from src.models.dequantized import dequantized_bytes
    from src.models.lora_loader import LoRALoader
    from src.training.llm_trainer import create_llm_trainer

    with tempfile.TemporaryDirectory() as folder:
        config = load_config(
            "quickstart",
            [f"training.max_steps={steps}", f"experiment.output_dir={folder}", "training.logging_steps=1"],
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
        rates = [measure_product_rate(dtype, 1.0)]
        results = trainer.train()
        rates.append(measure_product_rate(dtype, 1.0))
        lines = [json.loads(line) for line in (Path(folder) / "quickstart" / "metrics.jsonl").read_text().splitlines()]
    # The first two steps allocate; the rest is steady.
    tokens_per_second = sorted(line["tokens_per_second"] for line in lines if "loss" in line)[2:]
    frozen = dequantized_bytes(model, dtype) // dtype.itemsize
    median = tokens_per_second[len(tokens_per_second) // 2]
    rate = sum(rates) / len(rates)
    print(
        json.dumps(
            {
                "benchmark": "cpu_training",
                "cpu": cpu_name(),
                "compute_dtype": loader.compute.dtype,
                "tokens_per_second": round(median, 1),
                "frozen_parameters": frozen,
                "product_gflops": round(rate / 1e9, 1),
                "share_of_product_rate": round(4 * frozen * median / rate, 3),
                "peak_memory_gb": round(results["peak_memory_bytes"] / 1e9, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
