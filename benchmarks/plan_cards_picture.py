"""Draw speed over cards: measured and planned on one host, and planned on several.

    python benchmarks/plan_cards_picture.py [--out FILE] [--hosts FILE]

Both are of QLoRA on H200 as times one card's speed. `docs/several-gpus.svg` has what was measured in
`benchmarks/results/several_gpus.jsonl` (of each number of cards the newest line counts) beside the planner's for the
same shape and the same examples a step. `docs/several-hosts.svg` is on paper, no run stands behind it: eight cards of a
host joined by NVLink, hosts by 400 Gbit/s, a 3B and an 8B model with 64 examples a step, and the 8B model with 64
examples a card and step. Prints one JSON line.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from drawing import new_figure, save
from result_line import measured_at

from src.commands.plan import situation_of
from src.config.loader import load_config_with_sources
from src.planner.cluster import Cluster, chosen_cluster
from src.planner.devices import find_device
from src.planner.plan import make_plan

MEASURED = ROOT / "benchmarks" / "results" / "several_gpus.jsonl"
SHAPE, EXPERIMENT = "llama3_3b", "llama_3.2_3b"
OF_ONE_HOST, COUNTS = (1, 2, 4, 8), (1, 2, 4, 8, 16, 32, 64)
KINDS = (
    ("weak", True, "64 examples a card and step", "C0", "o"),
    ("strong", False, "64 examples a step in all", "C1", "s"),
)
"""Variant, whether the step grows with the cards, name, color and mark."""
LINES = (
    ("3B, 64 examples a step", "llama_3.2_3b", False),
    ("8B, 64 examples a step", "llama_3.1_8b", False),
    ("8B, 64 examples a card and step", "llama_3.1_8b", True),
)


def speeds(experiment: str, grows: bool, counts: Sequence[int] = COUNTS) -> list[float]:
    """Return the planned speed of all steps on so many cards against one card's; a step may grow with the cards."""
    rates = []
    device = find_device("H200")
    for count in counts:
        batch = 64 * count if grows else 64
        settings = [f"training.batch_size={batch}", "training.gradient_accumulation_steps=1"]
        config, sources = load_config_with_sources(experiment, settings)
        config.lora.use_lora = config.lora.use_qlora = True
        cluster: Cluster = chosen_cluster(min(count, 8), -(-count // 8), "nvlink", "ethernet400", device.name)
        plan = make_plan(replace(situation_of(config, sources, device, "298,570,1100"), cluster=cluster))
        rates.append(1 / (plan.steps * plan.step_seconds))  # the last step of an epoch is smaller
    return [round(rate / rates[0], 2) for rate in rates]


def measured_speeds(variant: str) -> dict[int, float]:
    """Return how many times one card's speed each number of cards had when it was measured."""
    lines = [json.loads(line) for line in MEASURED.read_text(encoding="utf-8").splitlines()]
    alike = (line for line in lines if line.get("variant") in ("one", variant) and line["shape"] == SHAPE)
    return {line["cards"]: line["ratio"] for line in alike if line.get("ratio")}


def draw_measured(out: Path) -> dict[str, Any]:
    """Draw one host's cards, measured and planned; return the numbers."""
    figure, axes = new_figure("Speed of QLoRA on H200 with NVLink, Llama-3.2-3B's shape", "cards", "times one card's")
    found: dict[str, Any] = {}
    axes.plot(OF_ONE_HOST, OF_ONE_HOST, color="#ddd", linewidth=5, label="as many times as cards")
    for variant, grows, name, color, mark in KINDS:
        measured, planned = measured_speeds(variant), speeds(EXPERIMENT, grows, OF_ONE_HOST)
        axes.plot(OF_ONE_HOST, planned, color=color, linestyle="--", linewidth=1, label=f"{name}: planned")
        axes.plot(list(measured), list(measured.values()), color=color, marker=mark, label=f"{name}: measured")
        for cards, times in measured.items():
            if cards > 1:
                above = variant == "weak"
                place, side = ((-5, 5), "right") if above else ((5, -12), "left")
                axes.annotate(f"{times:.2f}", (cards, times), place, textcoords="offset points", ha=side, color=color)
        found[variant] = {"planned": planned, "measured": measured}
    axes.set_xticks(OF_ONE_HOST)
    axes.set_yticks(range(1, 9))
    axes.legend(frameon=False)
    save(figure, out)
    return found


def draw_planned(out: Path) -> dict[str, Any]:
    """Draw what is planned for several hosts; return the numbers."""
    figure, axes = new_figure("Planned, not measured: speed of QLoRA on H200", "cards", "times one card's speed")
    found: dict[str, Any] = {}
    for name, experiment, grows in LINES:
        found[name] = speeds(experiment, grows)
        axes.plot(COUNTS, found[name], marker="o", label=name)
    axes.plot(COUNTS, COUNTS, color="#999", linestyle=":", label="as many times as cards")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.set_xticks(COUNTS, [str(count) for count in COUNTS])
    axes.legend(frameon=False)
    save(figure, out)
    return found


def main() -> None:
    """Draw and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "several-gpus.svg")
    parser.add_argument("--hosts", type=Path, default=ROOT / "docs" / "several-hosts.svg")
    given = parser.parse_args()
    found = {"one_host": draw_measured(given.out), "hosts": draw_planned(given.hosts)}
    print(json.dumps({"benchmark": "plan_cards_picture", "cards": COUNTS, "speed": found} | measured_at()))


if __name__ == "__main__":
    main()
