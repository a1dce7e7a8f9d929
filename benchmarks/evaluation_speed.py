"""Seconds of an evaluation's loss by the packed engine, and by the model's own forward in padded batches.

    python benchmarks/evaluation_speed.py [EXPERIMENT] [--times 3] [KEY=VALUE ...]

Of the config's evaluation data (the quickstart's 20 dialogues), by a model that was not trained; the ways take turns.
Prints a JSON line: the least seconds of each, their ratio, and both losses.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from result_line import measured_at, print_line

from src.config import load_config
from src.data.files.sources import load_dialogues
from src.data.llm_dataset import create_llm_dataset
from src.data.prompt.prompts import prompt_arguments
from src.models.lora_loader import load_lora_model_and_tokenizer
from src.training.llm_trainer import create_llm_trainer


def main() -> None:
    """Evaluate by both ways in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", nargs="?", default="quickstart")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("settings", nargs="*", help="KEY=VALUE")
    given = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = [f"experiment.output_dir={folder}", "training.report_to=[]", "training.engine=packed"]
        config = load_config(given.experiment, [*settings, *given.settings])
        model, tokenizer = load_lora_model_and_tokenizer(config, config.lora.use_lora, config.lora.use_qlora)
        rows = load_dialogues(config.data.eval, config.data).rows
        texts = [row.dialogue for row in rows], [row.summary for row in rows]
        dataset = create_llm_dataset(*texts, tokenizer, **prompt_arguments(config))
        trainer = create_llm_trainer(config, model, tokenizer, dataset, dataset).trainer
        seconds: dict[bool, list[float]] = {True: [], False: []}
        losses = {}
        for _ in range(given.times):
            for packed in seconds:
                trainer.evaluates = packed
                began = time.perf_counter()
                losses[packed] = trainer.evaluate()["eval_loss"]
                seconds[packed].append(time.perf_counter() - began)
    ours, other = min(seconds[True]), min(seconds[False])
    found = {"packed_seconds": round(ours, 2), "padded_seconds": round(other, 2), "ratio": round(other / ours, 2)}
    found |= {"packed_loss": round(losses[True], 5), "padded_loss": round(losses[False], 5), "examples": len(rows)}
    print_line({"benchmark": "evaluation_speed", "experiment": given.experiment, **found, **measured_at()}, None)


if __name__ == "__main__":
    main()
