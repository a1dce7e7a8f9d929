"""Lay out the data that the figures are measured on: DialogSum, and its Korean dialogues in two parts.

    python benchmarks/offline/data.py ../shared FOLDER
    python benchmarks/offline/data.py repeat FILE INTO ROWS

FOLDER gets `data/dialogsum_en/{train,dev}.jsonl`, `data/dialogsum_ko/{train,dev}.csv` (250 of the dialogues, drawn by
seed 0, are dev), and token ids and tokenizers for measurements of speed. `repeat` writes a table's dialogues again and
again, each with a name of its own, until there are so many.
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


def repeat(source: Path, into: Path, count: int) -> None:
    """Write so many rows of a table, for measurements of speed that need more than it has."""
    with source.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    into.parent.mkdir(parents=True, exist_ok=True)
    with into.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([f"row_{number}", *rows[number % len(rows)][1:]] for number in range(count))


def main(shared: Path, folder: Path) -> None:
    """Copy and split."""
    for name in ("data/dialogsum_en", "tokenizers/qwen3", "tokenizers/llama3"):
        shutil.copytree(shared / name, folder / name, copy_function=shutil.copyfile)
    split_korean(shared / "data/dialogsum_ko/train.csv", folder / "data/dialogsum_ko")
    (folder / "benchmarks").mkdir()
    for name in ("examples_llama3.json", "examples_qwen3.json"):
        shutil.copyfile(shared / "benchmarks" / name, folder / "benchmarks" / name)


if __name__ == "__main__":
    if sys.argv[1] == "repeat":
        repeat(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
