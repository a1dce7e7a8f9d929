"""A training step's parts under the card's roof (Williams et al. 2009): a table, and with `--picture FILE` an SVG.

    python benchmarks/roofline.py [--lines FILE] [--shape llama3_3b] [--picture docs/roofline.svg]

Of each shape and memory budget in `benchmarks/results/step_profile.jsonl` the newest line counts. A part can't be
faster than its operations a byte times the card's memory rate (the maker's figure, `src/planner/devices.py`), nor than
products: that roof is what one large product in bf16 reached in the same run. The step's own point has the operations
of products with frozen weights and the head alone, so that it tells what all the rest costs. `step_counts.py` says how
operations and bytes are counted.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from src.planner.devices import Device, find_device

RESULTS = Path(__file__).resolve().parent / "results" / "step_profile.jsonl"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
MODELS = {"llama3_3b": "Llama-3.2-3B", "llama3_8b": "Llama-3-8B", "qwen3_4b": "Qwen3-4B"}
NAMES = {
    "frozen": "frozen products",
    "adapters": "adapters",
    "attention": "attention",
    "elementwise": "elementwise",
    "dequantization": "dequantization",
    "step": "whole step",
}
MARKERS = dict(zip(NAMES.values(), "os^vD*", strict=True))

Line = dict[str, Any]


def newest_lines(path: Path, shape: str) -> list[Line]:
    """Return the newest line of each memory budget of a shape, the largest budget first."""
    newest: dict[float, Line] = {}
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        if line["shape"] == shape:
            newest[line["budget_gb"] or float("inf")] = line
    return [newest[budget] for budget in sorted(newest, reverse=True)]


def points(line: Line, card: Device) -> list[tuple[str, float, float, float]]:
    """Return name, operations a byte, TFLOP/s and share of the roof of a line's parts."""
    found = []
    for part, name in NAMES.items():
        one = line["parts"][part]
        if one.get("bytes") and one["ms"]:
            density, rate = one["flops"] / one["bytes"], one["flops"] / one["ms"] / 1e9
            found.append((name, density, rate, rate / min(line["product_tflops"], density * card.bandwidth / 1e12)))
    return found


def memory_of(line: Line) -> str:
    """Return in words within which memory a line was measured."""
    return f"within {line['budget_gb']:g} GB" if line["budget_gb"] else "the whole card"


def table(lines: Sequence[Line], card: Device) -> str:
    """Return the parts of all lines in Markdown."""
    rows = ["| memory | part | ms a step | FLOP/byte | TFLOP/s | share of the roof |", "|---|---|---|---|---|---|"]
    for line in lines:
        milliseconds = {name: line["parts"][part]["ms"] for part, name in NAMES.items()}
        for name, density, rate, share in points(line, card):
            rows.append(
                f"| {memory_of(line)} | {name} | {milliseconds[name]:.1f} | {density:.3g} | {rate:.3g} | {share:.0%} |"
            )
    return "\n".join(rows)


def draw(lines: Sequence[Line], card: Device, title: str, path: Path) -> None:
    """Draw the roof with the parts of each line, both axes logarithmic."""
    from drawing import new_figure, save

    figure, axes = new_figure(title, "operations a byte of memory", "TFLOP/s")
    axes.set(xscale="log", yscale="log", xlim=(0.1, 1e4), ylim=(0.1, 2e3))
    bandwidth, products = card.bandwidth / 1e12, max(line["product_tflops"] for line in lines)
    axes.plot([0.1, products / bandwidth, 1e4], [0.1 * bandwidth, products, products], color="#444")
    axes.hlines(card.flops / 1e12, card.flops / card.bandwidth, 1e4, color="#444", linestyles="--")
    words = f"one large product in bf16: {products:.0f} TFLOP/s (maker's figure {card.flops / 1e12:.0f}, dashed)"
    axes.text(1e4, card.flops / 1e12 * 1.15, words, ha="right", fontsize=9)
    axes.text(8, 8 * bandwidth, f"memory: {bandwidth:g} TB/s (maker's figure)  ", ha="right", va="bottom", fontsize=9)
    for line, colour in zip(lines, COLOURS, strict=False):
        axes.plot([], [], "s", color=colour, label=memory_of(line))
        for name, density, rate, _ in points(line, card):
            axes.plot(density, rate, MARKERS[name], color=colour, alpha=0.85)
    for name, marker in MARKERS.items():
        axes.plot([], [], marker, color="#444", markerfacecolor="none", label=name)
    axes.legend(frameon=False, loc="lower right", ncols=2, fontsize=9)
    save(figure, path)


def main() -> None:
    """Print the table; write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=Path, default=RESULTS)
    parser.add_argument("--shape", default="llama3_3b")
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    lines = newest_lines(given.lines, given.shape)
    if not lines:
        sys.exit(f"{given.lines} has no line of {given.shape}")
    card = find_device(lines[0]["device"])
    print(table(lines, card))
    if given.picture:
        title = f"A training step of {MODELS.get(given.shape, given.shape)} in 4 bit under the {card.name}'s roof"
        draw(lines, card, title, given.picture)


if __name__ == "__main__":
    main()
