"""Training rates over memory, ours beside the peers': a table, and with `--picture FILE` an SVG.

    python benchmarks/throughput_table.py [--shape llama3_3b] [--picture docs/speed-memory.svg]

Of each variant in `benchmarks/results/train_throughput.jsonl` the newest line counts. Beside each of our rows stands
the fastest peer with equal or less memory. Rates are tokens/s too, since the peers' steps may hold other examples.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results" / "train_throughput.jsonl"
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


def draw(lines: Sequence[Line], title: str, path: Path) -> None:
    """Draw samples/s over peak memory (logarithmic), a line for each engine."""
    from drawing import new_figure, save

    figure, axes = new_figure(title, "peak allocated memory, GB", "samples/s")
    for engine in dict.fromkeys(line["engine"] for line in lines):
        points = [(line["peak_alloc_gb"], line["samples_s"]) for line in lines if line["engine"] == engine]
        axes.plot(*zip(*points, strict=True), "o-", color=COLOURS.get(engine), label=NAMES.get(engine, engine))
    axes.set_xscale("log", base=2)
    axes.set_xticks([4, 8, 16, 24, 40, 80], ["4", "8", "16", "24", "40", "80"], minor=False)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    save(figure, path)


def main() -> None:
    """Print the table; write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="llama3_3b")
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    lines = newest_lines(given.shape)
    print(table(lines))
    if given.picture:
        model = MODELS.get(given.shape, given.shape)
        draw(lines, f"Training {model} in 4 bit on one H100: samples/s over memory", given.picture)


if __name__ == "__main__":
    main()
