"""What the trainings of `soak_kills.py` read: a tiny random model, invented dialogues, a config."""

import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DIALOGUES, BATCH, ACCUMULATION = 12, 2, 2


def write_inputs(folder: Path, epochs: int, engine: str, on_gpu: bool) -> None:
    """Write model, tokenizer, data and config."""
    import yaml

    from src.tests.tiny_models import write_tiny_model

    shape: dict[str, Any] = {"max_position_embeddings": 512}
    if on_gpu:  # SmolLM2's width and heads, fewer layers
        shape |= {"hidden_size": 576, "intermediate_size": 1536, "num_attention_heads": 9, "num_key_value_heads": 3}
        shape |= {"num_hidden_layers": 12, "initializer_range": 0.02}
    write_tiny_model(folder / "base", **shape)
    for name, rows in (("train", range(DIALOGUES)), ("dev", range(100, 108))):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["fname", "dialogue", "summary"])
            writer.writerows(invented_rows(rows))
    config = {
        "model": {"checkpoint": str(folder / "base")},
        "lora": {"r": 8, "dropout": 0.1, "use_qlora": True},
        "tokenizer": {"encoder_max_len": 400, "decoder_max_len": 16},
        "dataset": {"language": "en"},
        "data": {"train": "train.csv", "eval": "dev.csv", "instruction_augmentation": True},
        "training": {
            "engine": engine,
            "epochs": epochs,
            "batch_size": BATCH,
            "gradient_accumulation_steps": ACCUMULATION,
            "learning_rate": 1e-3,
            "gradient_checkpointing": False,
            "logging_steps": 2,
            "save_steps": 3,
            "deterministic": on_gpu,
            "report_to": [],
        },
        "experiment": {"name": "soak"},
    }
    (folder / "soak.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def invented_rows(numbers: range) -> Iterator[list[str]]:
    """Return rows of an invented dialogue and its summary, of differing lengths."""
    for number in numbers:
        rng = random.Random(number)
        things = rng.sample(["lamp", "boat", "letter", "garden", "window", "key", "train", "cake"], 3)
        turns = [f"A: Where is the {thing}?\nB: Take the {thing} in {rng.randint(2, 90)} minutes." for thing in things]
        count = rng.randint(1, 3)
        yield [f"d{number}", "\n".join(turns[:count]), f"B knows of the {' and the '.join(things[:count])}."]
