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
from html import escape
from math import atan, degrees, log10
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from src.planner.devices import Device, find_device

RESULTS = Path(__file__).resolve().parent / "results" / "step_profile.jsonl"
WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 720, 440, 60, 50, 40, 30
LOWEST, HIGHEST = (0.1, 0.1), (10000.0, 2000.0)  # operations a byte, TFLOP/s
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
LETTER, LINE = 7.0, 13.0  # about what a letter and a line of a label take

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


class Labels:
    """Places labels beside their points so that they cover neither each other, nor a point, nor the roof."""

    def __init__(self, taken: Sequence[tuple[float, float]], roof: float) -> None:
        """Keep the points (x, y), and the height of the flat part of the roof, above which nothing is placed."""
        self.boxes = [(x - 5, y - 5, x + 5, y + 5) for x, y in taken]
        self.boxes.append((0, 0, WIDTH, roof + 2))

    def place(self, x: float, y: float, words: str) -> tuple[float, float]:
        """Return where a label begins (its base line): the nearest free place right, left, below or above."""
        width = LETTER * len(words)
        free = [
            (left, base)
            for far in range(0, 80, 4)
            for left, base in (
                (x + 9, y + 4 + far),
                (x + 9, y + 4 - far),
                (x - 9 - width, y + 4 + far),
                (x - 9 - width, y + 4 - far),
            )
            if self._is_free((left, base - LINE + 3, left + width, base + 3))
        ]
        left, base = free[0] if free else (x + 9, y + 4)
        self.boxes.append((left, base - LINE + 3, left + width, base + 3))
        return left, base

    def _is_free(self, box: tuple[float, float, float, float]) -> bool:
        inside = box[0] >= LEFT and box[2] <= WIDTH and box[1] >= TOP and box[3] <= HEIGHT - BOTTOM
        return inside and not any(
            box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in self.boxes
        )


def x_of(density: float) -> float:
    """Return where operations a byte are in the picture."""
    share = log10(density / LOWEST[0]) / log10(HIGHEST[0] / LOWEST[0])
    return LEFT + (WIDTH - LEFT - RIGHT) * share


def y_of(rate: float) -> float:
    """Return where TFLOP/s are in the picture."""
    share = log10(rate / LOWEST[1]) / log10(HIGHEST[1] / LOWEST[1])
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share


def picture(lines: Sequence[Line], card: Device, title: str) -> str:
    """Return an SVG of the roof with the parts of each line, both axes logarithmic."""
    shapes = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    shapes.append(f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>')
    for power in range(-1, 4):
        y = y_of(10.0**power)
        shapes.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        shapes.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:,g}</text>')
    for power in range(-1, 5):
        x = x_of(10.0**power)
        shapes.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{10**power:,g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    shapes.append(f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">operations a byte of memory</text>')
    shapes.append(f'<text x="{LEFT - 8}" y="{TOP}" text-anchor="end">TFLOP/s</text>')
    bandwidth, products = card.bandwidth / 1e12, max(line["product_tflops"] for line in lines)
    corner = products / bandwidth
    roof = [(LOWEST[0], LOWEST[0] * bandwidth), (corner, products), (HIGHEST[0], products)]
    path = " ".join(f"{x_of(density):.1f},{y_of(rate):.1f}" for density, rate in roof)
    shapes.append(f'<polyline points="{path}" fill="none" stroke="#444" stroke-width="1.5"/>')
    y = y_of(card.flops / 1e12)
    shapes.append(
        f'<line x1="{x_of(card.flops / card.bandwidth):.1f}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
        'stroke="#444" stroke-dasharray="4 3"/>'
    )
    words = f"one large product in bf16: {products:.0f} TFLOP/s (maker's figure {card.flops / 1e12:.0f}, dashed)"
    shapes.append(f'<text x="{WIDTH - RIGHT}" y="{y - 7:.1f}" text-anchor="end">{words}</text>')
    x, y = x_of(3.0), y_of(3.0 * bandwidth)
    slope = (y_of(10.0) - y_of(1.0)) / (x_of(10.0) - x_of(1.0))
    turn = f"rotate({degrees(atan(slope)):.1f} {x:.1f} {y:.1f})"
    words = f"memory: {bandwidth:g} TB/s (maker's figure)"
    shapes.append(f'<text x="{x:.1f}" y="{y - 8:.1f}" transform="{turn}" text-anchor="middle">{words}</text>')
    shapes += marks(lines, card)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12" role="img" aria-label="{escape(title)}">' + "".join(shapes) + "</svg>\n"
    )


def marks(lines: Sequence[Line], card: Device) -> list[str]:
    """Return the points of all lines, those of the first with their names."""
    placed = [
        [(name, x_of(density), y_of(rate), density, rate, share) for name, density, rate, share in points(line, card)]
        for line in lines
    ]
    roof = y_of(max(line["product_tflops"] for line in lines))
    labels = Labels([(x, y) for some in placed for _, x, y, *_ in some], roof)
    shapes = []
    for number, (line, some) in enumerate(zip(lines, placed, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        for name, x, y, density, rate, share in some:
            words = f"{name}, {memory_of(line)}: {density:.3g} operations a byte, {rate:.3g} TFLOP/s, {share:.0%}"
            shapes.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"><title>{escape(words)}</title></circle>'
            )
            if number == 0:
                left, base = labels.place(x, y, name)
                shapes.append(f'<text x="{left:.1f}" y="{base:.1f}">{escape(name)}</text>')
        at = HEIGHT - BOTTOM - 14 - 18 * (len(lines) - 1 - number)
        shapes.append(f'<circle cx="{WIDTH - 150}" cy="{at - 4}" r="4" fill="{colour}"/>')
        shapes.append(f'<text x="{WIDTH - 140}" y="{at}" fill="{colour}">{escape(memory_of(line))}</text>')
    return shapes


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
        given.picture.write_text(picture(lines, card, title), encoding="utf-8")


if __name__ == "__main__":
    main()
