"""Draw the planned speed of trainings over cards into docs/several-gpus.svg, on paper: no run stands behind it.

    python benchmarks/plan_cards_picture.py [--out FILE]

H200, eight of a host joined by NVLink, hosts by 400 Gbit/s: QLoRA of a 3B and an 8B model with 64 examples a step, and
of the 8B model with 64 examples a card and step; speed against one card. Prints one JSON line.
"""

import argparse
import json
import sys
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

COUNTS = (1, 2, 4, 8, 16, 32, 64)
LINES = (
    ("3B, 64 examples a step", "llama_3.2_3b", False),
    ("8B, 64 examples a step", "llama_3.1_8b", False),
    ("8B, 64 examples a card and step", "llama_3.1_8b", True),
)


def speeds(experiment: str, grows: bool) -> list[float]:
    """Return tokens a second on each number of cards against one card's; the step may grow with the cards."""
    rates = []
    device = find_device("H200")
    for count in COUNTS:
        batch = 64 * count if grows else 64
        settings = [f"training.batch_size={batch}", "training.gradient_accumulation_steps=1"]
        config, sources = load_config_with_sources(experiment, settings)
        config.lora.use_lora = config.lora.use_qlora = True
        cluster: Cluster = chosen_cluster(min(count, 8), -(-count // 8), "nvlink", "ethernet400", device.name)
        plan = make_plan(replace(situation_of(config, sources, device, "298,570,1100"), cluster=cluster))
        rates.append(batch / plan.step_seconds)
    return [rate / rates[0] for rate in rates]


def main() -> None:
    """Draw and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "several-gpus.svg")
    out = parser.parse_args().out
    figure, axes = new_figure("Planned, not measured: speed of QLoRA on H200", "cards", "times one card's speed")
    found: dict[str, Any] = {}
    for name, experiment, grows in LINES:
        found[name] = [round(speed, 2) for speed in speeds(experiment, grows)]
        axes.plot(COUNTS, found[name], marker="o", label=name)
    axes.plot(COUNTS, COUNTS, color="#999", linestyle=":", label="as many times as cards")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.set_xticks(COUNTS, [str(count) for count in COUNTS])
    axes.legend(frameon=False)
    save(figure, out)
    print(json.dumps({"benchmark": "plan_cards_picture", "cards": COUNTS, "speed": found} | measured_at()))


if __name__ == "__main__":
    main()
