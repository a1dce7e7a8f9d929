"""Seconds to encode 12,457 dialogues under five instructions each (62,285 examples). Prints one JSON line.

Run from the repository root: `python benchmarks/encode_speed.py`. Takes the English DialogSum with Llama 3's tokenizer
where both lie beside the repository, else the sample dialogues, repeated, with the bundled model's tokenizer.
"""

import csv
import json
import os
import sys
import threading
import time
from itertools import cycle, islice
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
DIALOGUES = 12_457
MEGABYTE = 1_000_000


class PeakMemory:
    """Samples the process's resident memory every 20 ms; `growth_mb` is the peak above the start."""

    def __init__(self) -> None:
        """Remember what the process holds now."""
        import psutil

        self._process = psutil.Process()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._start = self._peak = self._process.memory_info().rss

    def _sample(self) -> None:
        while not self._done.wait(0.02):
            self._peak = max(self._peak, self._process.memory_info().rss)

    def __enter__(self) -> "PeakMemory":
        """Start sampling."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop sampling."""
        self._done.set()
        self._thread.join()

    @property
    def growth_mb(self) -> float:
        """Return megabytes between the start and the highest sample."""
        return round((self._peak - self._start) / MEGABYTE, 1)


def main() -> None:
    """Encode once, with the tokenizer loaded and the rows read before the clock starts."""
    sys.path.insert(0, str(ROOT))
    from transformers import AutoTokenizer

    from src.data.llm_dataset import InstructionAugmentedDataset
    from src.models.bundled_fetch import ensure_bundled
    from src.resources import sample_dir

    data, folder = SHARED / "data" / "dialogsum_en" / "train.jsonl", SHARED / "tokenizers" / "llama3"
    if data.is_file() and folder.is_dir():
        with data.open(encoding="utf-8") as file:
            rows = [json.loads(line) for line in islice(file, DIALOGUES)]
    else:
        data, folder = sample_dir() / "en" / "train.csv", ensure_bundled("smollm2-135m")
        with data.open(encoding="utf-8", newline="") as file:
            rows = list(islice(cycle(list(csv.DictReader(file))), DIALOGUES))
    tokenizer = AutoTokenizer.from_pretrained(folder)  # nosec B615 - a local folder
    dialogues, summaries = [row["dialogue"] for row in rows], [row["summary"] for row in rows]
    InstructionAugmentedDataset(dialogues[:8], summaries[:8], tokenizer)  # imports and first-use memory

    with PeakMemory() as memory:
        start = time.perf_counter()
        encoded = InstructionAugmentedDataset(dialogues, summaries, tokenizer, format_type="chat", language="en")
        seconds = time.perf_counter() - start
    tokens = int(encoded.lengths.sum())
    result = {
        "benchmark": "encode_speed",
        "examples": len(encoded),
        "data": data.parent.name if data.suffix == ".jsonl" else "sample_en, repeated",
        "tokenizer": folder.name,
        "cpu_cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "seconds": round(seconds, 2),
        "mean_tokens": round(tokens / len(encoded), 1),
        "tokens_per_second": round(tokens / seconds),
        "peak_memory_growth_mb": memory.growth_mb,
        "encoded_mb": round(tokens * 4 / MEGABYTE, 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
