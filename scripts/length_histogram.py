"""Write `src/planner/lengths.json`: counts of lengths, no text, from dialogues and tokenizers that are not shipped.

    python scripts/length_histogram.py --korean KO.csv --english EN.jsonl --llama3 DIR --qwen3 DIR --smollm2 DIR

Histograms are of the Korean dialogues under the chat format's prompt, scaled to 12,457 examples (the size of the whole
data set): [tokens, of these targets, examples] for each 8 tokens of length. Beside them tokens per character of
dialogues and summaries, and the tokens of a prompt around its dialogue.
"""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from src.architectures import TOKENIZERS
from src.config import load_config
from src.data.files.sources import load_dialogues
from src.planner import data_lengths

EXAMPLES, WIDTH = 12_457, 8
LAYOUTS = {name: tokenizer.layout.name for name, tokenizer in TOKENIZERS.items()}


def counted(tokenizer: Path, layout: str, language: str, rows: list[Any]) -> tuple[list[int], list[int], int]:
    """Return prompt and response lengths, and the prompt's own tokens."""
    config = load_config("llama_3.2_3b", [f"model.chat_template={layout}", f"dataset.language={language}"])
    template = data_lengths._template(config, tokenizer / "tokenizer.json")
    responses = [len(ids) + 1 for ids in template.encoder.encode_batch([row.summary.strip() for row in rows])]
    return template.prompt_lengths([row.dialogue for row in rows]), responses, template.prompt_lengths([""])[0]


def histogram(prompts: list[int], responses: list[int]) -> list[list[int]]:
    """Return [tokens, targets, examples] cells whose examples add up to `EXAMPLES`."""
    cells: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for prompt, response in zip(prompts, responses, strict=True):
        cells[(prompt + response) // WIDTH].append((prompt + response, response))
    result, given = [], 0
    for number, (_, pairs) in enumerate(sorted(cells.items())):
        done = sum(len(cells[cell]) for cell in sorted(cells)[: number + 1])
        count = round(done * EXAMPLES / len(prompts)) - given
        given += count
        means = [round(sum(pair[i] for pair in pairs) / len(pairs)) for i in (0, 1)]
        if count:
            result.append([*means, count])
    return result


def main() -> None:
    """Count and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("korean", "english", *LAYOUTS):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    settings = load_config("llama_3.2_3b").data
    rows = {
        "ko": load_dialogues(str(given.korean), settings).rows,
        "en": load_dialogues(str(given.english), settings).rows,
    }
    out: dict[str, dict[str, Any]] = {"histograms": {}, "tokens_per_character": {}, "prompt_overhead": {}}
    for family, layout in LAYOUTS.items():
        out["tokens_per_character"][family], out["prompt_overhead"][family] = {}, {}
        for language, some in rows.items():
            prompts, responses, around = counted(getattr(given, family), layout, language, some)
            if language == "ko":
                out["histograms"][family] = histogram(prompts, responses)
            dialogue = sum(len(row.dialogue.strip()) for row in some)
            summary = sum(len(row.summary.strip()) for row in some)
            out["tokens_per_character"][family][language] = {
                "dialogue": round((sum(prompts) - around * len(some)) / dialogue, 4),
                "summary": round((sum(responses) - len(some)) / summary, 4),
            }
            out["prompt_overhead"][family][language] = around
    target = Path(__file__).resolve().parent.parent / "src" / "planner" / "lengths.json"
    target.write_text(json.dumps(out, separators=(",", ":")) + "\n", encoding="utf-8")
    print(json.dumps({"bytes": target.stat().st_size, "cells": {f: len(h) for f, h in out["histograms"].items()}}))


if __name__ == "__main__":
    main()
