"""Seconds to score 500 Korean summaries, by tokenization. Prints one JSON line.

Run from the repository root: `python benchmarks/rouge_speed.py`. Takes the Korean DialogSum beside the repository where
it lies there, else the sample dialogues, repeated up to 500 pairs.
"""

import csv
import json
import os
import sys
import time
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAIRS = 500


def main() -> None:
    """Time each tokenization once, Kiwi's start apart."""
    sys.path.insert(0, str(ROOT))
    from src.evaluation.rouge import score_summaries
    from src.evaluation.tokenizations import TOKENIZATIONS
    from src.resources import sample_dir

    shared = ROOT.parent / "shared" / "data" / "dialogsum_ko" / "train.csv"
    source = shared if shared.is_file() else sample_dir() / "ko" / "train.csv"
    with source.open(encoding="utf-8-sig", newline="") as file:
        summaries = list(islice(cycle([row["summary"] for row in csv.DictReader(file)]), PAIRS + 1))

    start = time.perf_counter()
    score_summaries(["요약"], ["요약"], "morpheme")
    kiwi_start_seconds = time.perf_counter() - start

    seconds = {}
    for tokenization in TOKENIZATIONS:
        if tokenization == "mecab" and find_spec("mecab") is None:
            continue
        start = time.perf_counter()
        score_summaries(summaries[1:], summaries[:-1], tokenization)
        seconds[tokenization] = round(time.perf_counter() - start, 3)
    result = {
        "benchmark": "rouge_speed",
        "pairs": PAIRS,
        "data": source.parent.name,
        "cpu_cores": os.cpu_count(),
        "kiwi_start_seconds": round(kiwi_start_seconds, 2),
        "seconds": seconds,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
