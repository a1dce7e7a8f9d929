"""The planner's tables in the README and in docs/planner.md, as Markdown.

    python benchmarks/plan_table.py [--write]   # --write puts them between their marks in the pages

Lengths are the shipped histogram's. The first: `yoyak plan` of llama_3.2_3b for four sizes of cards. The second: models
and methods beside the figures that the README plans with; `least` is the smallest memory into which the run fits.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from src.config import load_config
from src.planner.devices import Device, find_device
from src.planner.lengths import shipped_lengths, tokenizer_family
from src.planner.machine import card_of_memory
from src.planner.plan import Plan, Situation, make_plan
from src.planner.shapes import find_shape

SIZES = (8, 12, 16, 24)
FULL = ["lora.use_lora=false", "lora.use_qlora=false"]
EIGHT_BIT = [*FULL, "training.optim=adamw_bnb_8bit"]
MODELS = (
    ("Llama-3.2-3B", "llama_3.2_3b", [], "8", "24", "6-8 h"),
    ("Qwen3-4B", "qwen3_4b", ["model.dtype=bf16"], "10", "32", "8-10 h"),
    ("Llama-3-8B", "llama_3.2_3b", ["model.checkpoint=meta-llama/Meta-Llama-3-8B-Instruct"], "16", "64", ""),
)
KOREAN = (
    (
        r"^\| card .*",
        "| GPU | 필요한 메모리 | 그중 할당자 최댓값 | 마이크로배치당 토큰 | 재계산하는 층 | 스텝당 시간 | 3에폭 |",
    ),
    (r"GB, as fast as ([^|]+) \|", r"GB(\1급) |"),
    (r"\| none \|", "| 없음 |"),
    (r"\| all layers \|", "| 모든 층 |"),
    (r"\| (\d+) of (\d+) layers \|", r"| \2개 중 \1개 |"),
    (r"([\d.]+) s \|", r"\1초 |"),
    (r"([\d.]+) h \|", r"\1시간 |"),
)


def plan(experiment: str, settings: list[str], device: Device) -> Plan:
    """Return a plan on the shipped lengths."""
    config = load_config(experiment, settings)
    shape = find_shape(config.model.checkpoint)[0]
    family = tokenizer_family(shape, config.model.chat_template)
    return make_plan(Situation(config, shape, shipped_lengths(family), shipped_lengths(family, 499), device))


def least_gb(experiment: str, settings: list[str]) -> float:
    """Return the smallest memory of a card into which a run fits, in 1e9 bytes, by halving."""
    low, high, card = 1.0, 200.0, find_device("A6000")
    while high - low > 0.05:
        middle = (low + high) / 2
        fits = plan(experiment, settings, replace(card, memory_bytes=int(middle * 1e9))).fits
        low, high = (low, middle) if fits else (middle, high)
    return high


def cards() -> Iterator[str]:
    """Yield the lines of the table of cards."""
    yield "| card | needs | allocator's peak | micro-batch tokens | computed again | a step | 3 epochs |"
    yield "|---|---|---|---|---|---|---|"
    for size in SIZES:
        card = replace(card_of_memory(size), memory_bytes=int(size * 1e9))
        found = plan("llama_3.2_3b", [], card)
        choice = found.choice
        yield (
            f"| {size} GB, as fast as {card.name.split(' as a ')[1]} | {choice.memory.device_bytes / 1e9:.1f} GB "
            f"| {choice.memory.peak_bytes / 1e9:.1f} GB | {choice.micro_batch_tokens:,} | {choice.checkpointing} "
            f"| {choice.time.seconds:.1f} s | {found.total_seconds / 3600:.1f} h |"
        )


def models() -> Iterator[str]:
    """Yield the lines of the table of models."""
    yield (
        "| model | QLoRA, usual figure | least | full, usual figure | least, 8-bit Adam | least, 32-bit Adam "
        "| A6000, usual figure | A6000 |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for name, experiment, settings, four_bit, full, hours in MODELS:
        on_a6000 = plan(experiment, settings, find_device("A6000"))
        least = [least_gb(experiment, [*settings, *more]) for more in ([], EIGHT_BIT, FULL)]
        yield (
            f"| {name} | {four_bit} GB | {least[0]:.1f} GB | {full} GB | {least[1]:.1f} GB | {least[2]:.1f} GB "
            f"| {hours} | {on_a6000.total_seconds / 3600:.1f} h |"
        )


def accuracy() -> Iterator[str]:
    """Yield the lines of the table of predicted against measured."""
    yield "| configuration | | peak, predicted | measured | off by | step, predicted | measured | off by |"
    yield "|---|---|---|---|---|---|---|---|"
    for text in (ROOT / "benchmarks" / "results" / "plan_accuracy.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(text)
        peak, step = (row[f"predicted_{name}"] / row[f"measured_{name}"] - 1 for name in ("peak_gb", "step_s"))
        yield (
            f"| {row['config']['name']} | {'held out' if row['held_out'] else 'fitted'} "
            f"| {row['predicted_peak_gb']:.2f} GB | {row['measured_peak_gb']:.2f} GB | {100 * peak:+.1f}% "
            f"| {row['predicted_step_s']:.3f} s | {row['measured_step_s']:.3f} s | {100 * step:+.1f}% |"
        )


def write(path: Path, mark: str, lines: list[str]) -> None:
    """Replace what stands between a page's marks."""
    text = path.read_text(encoding="utf-8")
    begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    body = "\n".join(lines)
    changed = re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n{body}\n{end}", text, flags=re.DOTALL)
    path.write_text(changed, encoding="utf-8")


def in_korean(line: str) -> str:
    """Return a line of the table of cards in Korean."""
    for pattern, words in KOREAN:
        line = re.sub(pattern, words, line)
    return line


def main() -> None:
    """Print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    tables = {"plan accuracy": list(accuracy()), "plan of cards": list(cards()), "plan of models": list(models())}
    for mark, lines in tables.items():
        print(f"{mark}\n", *lines, "", sep="\n")
        if given.write:
            write(ROOT / "README.md", mark, lines)
            write(ROOT / "README.ko.md", mark, [in_korean(line) for line in lines])
            write(ROOT / "docs" / "planner.md", mark, lines)


if __name__ == "__main__":
    main()
