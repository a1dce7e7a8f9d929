"""Pairs of Korean sentences that say different things (`!`), or one thing in other spacing and digits (`=`).

Used by `test_meaning_pairs.py` and by `benchmarks/korean_facts.py`.
"""

from pathlib import Path

from src.evaluation.rouge import score_tokens
from src.evaluation.tokenizations import Tokenization, tokenize_pairs

PAIRS = Path(__file__).with_name("meaning_ko.txt")


def scored_pairs(tokenization: Tokenization) -> tuple[dict[str, float], dict[str, float]]:
    """Return the mean of the three F1 (x100) of each pair: of those that differ, and of those that don't."""
    lines = PAIRS.read_text(encoding="utf-8").splitlines()
    pairs = [tuple(line[2:].split(" | ")) for line in lines]
    means = [sum(score_tokens(*tokens)) / 3 for tokens in tokenize_pairs(pairs, tokenization)]
    different, same = (
        {line: mean for line, mean in zip(lines, means, strict=True) if line.startswith(sign)} for sign in "!="
    )
    return different, same
