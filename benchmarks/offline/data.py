"""Lay out the data that the figures are measured on: DialogSum, and its Korean dialogues in two parts.

    python benchmarks/offline/data.py ../shared FOLDER

FOLDER gets `data/dialogsum_en/{train,dev}.jsonl`, `data/dialogsum_ko/{train,dev}.csv` (250 of the dialogues, drawn by
seed 0, are dev), and token ids and tokenizers for measurements of speed.
"""

import csv
import random
import shutil
import sys
from pathlib import Path

HELD_OUT = 250


def split_korean(source: Path, folder: Path) -> None:
    """Write the train and dev parts of a table of dialogues."""
    with source.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    chosen = set(random.Random(0).sample(range(len(rows)), HELD_OUT))
    folder.mkdir(parents=True)
    for name, held in (("train", False), ("dev", True)):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            part = [row for index, row in enumerate(rows) if (index in chosen) is held]
            csv.writer(file).writerows([header, *part])


def main(shared: Path, folder: Path) -> None:
    """Copy and split."""
    for name in ("data/dialogsum_en", "tokenizers/qwen3"):
        shutil.copytree(shared / name, folder / name, copy_function=shutil.copyfile)
    split_korean(shared / "data/dialogsum_ko/train.csv", folder / "data/dialogsum_ko")
    (folder / "benchmarks").mkdir()
    for name in ("examples_llama3.json", "examples_qwen3.json"):
        shutil.copyfile(shared / "benchmarks" / name, folder / "benchmarks" / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
