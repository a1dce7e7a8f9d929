"""How many wrong facts are reported, and how many right ones. Prints one JSON line; `--list` adds the summaries.

Run from the repository root: `python benchmarks/korean_facts.py [--list] [FILE ...]`. Files of dialogues with summaries
that they support (`+`) and do not (`-`, the wrong part in brackets) are in `src/tests/evaluation/facts_*.txt`.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from src.tests.evaluation.fact_pairs import false_alarms_and_misses, read_pairs

FILES = sorted((Path(__file__).resolve().parents[1] / "src" / "tests" / "evaluation").glob("facts_*.txt"))


def main() -> None:
    """Check the pairs of each file."""
    names = [name for name in sys.argv[1:] if name != "--list"]
    result: dict[str, object] = {"benchmark": "korean_facts"}
    for path in map(Path, names or FILES):
        pairs = read_pairs(path)
        alarms, misses = false_alarms_and_misses(pairs)
        supported = sum(not pair.wrong for pair in pairs)
        result[path.stem] = {
            "supported": supported,
            "false_alarms": len(alarms),
            "unsupported": len(pairs) - supported,
            "missed": len(misses),
            **({"listed": alarms + misses} if "--list" in sys.argv else {}),
        }
    print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
