"""Training rates over memory, ours beside the peers': a table, and with `--picture FILE` an SVG.

    python benchmarks/throughput_table.py [--shape llama3_3b] [--picture docs/speed-memory.svg]

Of each variant in `benchmarks/results/train_throughput.jsonl` the newest line counts. Beside each of our rows stands
the fastest peer with equal or less memory. Rates are tokens/s too, since the peers' steps may hold other examples.
"""

import argparse
import json
from collections.abc import Sequence
from html import escape
from math import log
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results" / "train_throughput.jsonl"
WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 720, 420, 60, 50, 40, 30
COLOURS = {"packed": "#0072b2", "packed fp8": "#009e73", "unsloth_pf": "#d55e00"}
MODELS = {"llama3_3b": "Llama-3.2-3B", "llama3_8b": "Llama-3-8B", "qwen3_4b": "Qwen3-4B"}
NAMES = {"packed": "yoyak", "packed fp8": "yoyak, products in fp8", "unsloth_pf": "Unsloth, padding-free"}

Line = dict[str, Any]


def newest_lines(shape: str) -> list[Line]:
    """Return the newest line of each variant of a shape, by memory."""
    newest: dict[tuple[Any, ...], Line] = {}
    for text in RESULTS.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        whole = line.get("shared_tokens") == 0  # such a line is there to compare
        if line["shape"] == shape and line["samples_s"] and not line.get("dropout") and not whole:
            names = ("engine", "budget_gb", "micro_batch_examples", "base_precision")
            line["engine"] += " fp8" if line.get("base_precision") == "fp8" else ""
            newest[(*map(line.get, names), line["checkpointing"] if not _ours(line) else None)] = line
    return sorted(newest.values(), key=lambda line: line["peak_alloc_gb"])


def _ours(line: Line) -> bool:
    return bool(line["engine"].startswith("packed"))


def table(lines: Sequence[Line]) -> str:
    """Return our rows with the best peer of each, in Markdown."""
    rows = ["| peak allocated, GB | samples/s | tokens/s | fastest peer in no more memory | ratio of tokens/s |"]
    rows.append("|---|---|---|---|---|")
    for line in filter(_ours, lines):
        within = [p for p in lines if not _ours(p) and p["peak_alloc_gb"] <= line["peak_alloc_gb"] * 1.0001]
        best = max(within, key=lambda peer: peer["tokens_s"], default=None)
        beside, ratio = "none measured", ""
        if best is not None:
            beside = f"{best['tokens_s']:,} at {best['peak_alloc_gb']} ({NAMES.get(best['engine'], best['engine'])})"
            ratio = f"{line['tokens_s'] / best['tokens_s']:.2f}"
        note = " (fp8)" if line["engine"] == "packed fp8" else ""
        rows.append(
            f"| {line['peak_alloc_gb']}{note} | {line['samples_s']} | {line['tokens_s']:,} | {beside} | {ratio} |"
        )
    return "\n".join(rows)


def picture(lines: Sequence[Line], title: str) -> str:
    """Return an SVG of samples/s over peak memory (logarithmic), a line for each engine."""
    low, high = 3.0, 80.0
    most = 20.0 * (int(max(line["samples_s"] for line in lines) / 20) + 1)

    def x(memory: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * log(memory / low) / log(high / low)

    def y(rate: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * rate / most

    shapes = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    shapes.append(f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>')
    for rate in range(0, int(most) + 1, 20):
        shapes.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(rate):.1f}" y2="{y(rate):.1f}" stroke="#ddd"/>')
        shapes.append(f'<text x="{LEFT - 8}" y="{y(rate) + 4:.1f}" text-anchor="end">{rate}</text>')
    for memory in (4, 8, 16, 24, 40, 80):
        shapes.append(f'<text x="{x(memory):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{memory}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    shapes.append(f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">peak allocated memory, GB</text>')
    for engine in dict.fromkeys(line["engine"] for line in lines):
        colour, points = COLOURS.get(engine, "#444"), [line for line in lines if line["engine"] == engine]
        path = " ".join(f"{x(line['peak_alloc_gb']):.1f},{y(line['samples_s']):.1f}" for line in points)
        shapes.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for line in points:
            at = f'cx="{x(line["peak_alloc_gb"]):.1f}" cy="{y(line["samples_s"]):.1f}"'
            words = f"{line['samples_s']} samples/s at {line['peak_alloc_gb']} GB"
            shapes.append(f'<circle {at} r="4" fill="{colour}"><title>{escape(words)}</title></circle>')
        last = points[-1]
        shapes.append(
            f'<text x="{x(last["peak_alloc_gb"]) - 8:.1f}" y="{y(last["samples_s"]) - 10:.1f}" text-anchor="end" '
            f'fill="{colour}">{escape(NAMES.get(engine, engine))}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12" role="img" aria-label="{escape(title)}">' + "".join(shapes) + "</svg>\n"
    )


def main() -> None:
    """Print the table; write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="llama3_3b")
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    lines = newest_lines(given.shape)
    print(table(lines))
    if given.picture:
        title = (
            "Training Llama-3.2-3B in 4 bit on one H100: samples/s over memory"
            if given.shape == "llama3_3b"
            else given.shape
        )
        given.picture.write_text(picture(lines, title), encoding="utf-8")


if __name__ == "__main__":
    main()
