"""What the measures of Korean see: wrong facts, and other meanings. Prints one JSON line; `--list` adds the summaries.

Run from the repository root: `python benchmarks/korean_facts.py [--list] [FILE ...]`. Files of dialogues with summaries
that they support (`+`) and do not (`-`, the wrong part in brackets) are in `src/tests/evaluation/facts_*.txt`: how many
wrong parts are missed, and of how many of the others something is reported. Pairs of sentences that say different
things, or one thing in other spacing and digits, are in `meaning_ko.txt`: how many of the former score 100 (mean of the
three ROUGE F1), and of the latter above 90.
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from src.tests.evaluation.fact_pairs import false_alarms_and_misses, read_pairs
from src.tests.evaluation.meaning_pairs import scored_pairs

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
    for tokenization in ("content", "morpheme", *(["mecab"] if find_spec("mecab") else [])):
        different, same = scored_pairs(tokenization)
        result[tokenization] = {
            "different": len(different),
            "score_100": sum(mean > 99.99 for mean in different.values()),
            "same": len(same),
            "above_90": sum(mean > 90 for mean in same.values()),
        }
    print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
