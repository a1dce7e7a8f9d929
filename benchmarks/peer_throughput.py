"""Peers' lines for `benchmarks/results/train_throughput.jsonl`, from the lines that the peers' script prints.

    python peers.py unsloth_pf CKPT llama3 --batch-size 64 | python benchmarks/peer_throughput.py --out FILE

Reads `RESULT {json}` lines from standard input, prints and appends a line of our format for each. `checkpointing` is
the peer's own word for what it computes again.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

SHAPES = {"llama3": "llama3_3b", "llama3_8b": "llama3_8b", "qwen3": "qwen3_4b"}


def line_of(result: dict[str, Any]) -> dict[str, Any]:
    """Return a peer's result under our names."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "shape": SHAPES[result["shape"]],
        "engine": result["peer"],
        "samples_s": result["samples_s"],
        "tokens_s": result["tok_s"],
        "peak_alloc_gb": result["peak_alloc_gb"],
        "peak_reserved_gb": result["peak_reserved_gb"],
        "micro_batch_examples": result["batch_size"],
        "checkpointing": result["gc"],
        "device": result["gpu"],
    }


def main() -> None:
    """Convert what comes in."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    for text in sys.stdin:
        if not text.startswith("RESULT "):
            continue
        line = json.dumps(line_of(json.loads(text.removeprefix("RESULT "))))
        print(line)
        if given.out:
            with given.out.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()
