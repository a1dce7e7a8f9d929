"""A run on more and more cards beside each other: a table, and a picture of time over cards."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from .advice import hours
from .cluster import LINKS, NETWORKS, Cluster, Link
from .compare import ticks_of, x_of, y_of
from .plan import Plan, Situation, make_plan

_LARGEST = 64
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 760, 460, 70, 50, 40, 170
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#444444")


@dataclass(frozen=True)
class PlanOnCards:
    """A plan on so many cards, and its speed against one card's."""

    cluster: Cluster
    plan: Plan
    times: float


def on_more_cards(situation: Situation, largest: int | None = None) -> list[PlanOnCards]:
    """Return the run's plans on 1, 2, 4 ... cards of a host, then on 2, 4 ... such hosts, up to those asked for."""
    asked = situation.cluster
    largest = largest or asked.count
    clusters = [replace(asked, cards=cards, hosts=1) for cards in _doubled(asked.cards)]
    while (count := 2 * clusters[-1].hosts * asked.cards) <= max(largest, asked.count):
        clusters.append(replace(asked, hosts=count // asked.cards))
    if clusters[-1].count < asked.count:
        clusters.append(asked)
    plans = [make_plan(replace(situation, cluster=cluster)) for cluster in clusters]
    return [
        PlanOnCards(cluster, plan, plans[0].total_seconds / plan.total_seconds)
        for cluster, plan in zip(clusters, plans, strict=True)
    ]


def _doubled(most: int) -> list[int]:
    """Return 1, 2, 4 ... below `most`, and `most`."""
    return [1 << power for power in range(most.bit_length()) if 1 << power < most] + [most]


def cards_text(rows: Sequence[PlanOnCards], price_per_hour: float | None) -> str:
    """Return a table: cards, seconds a step, the run, its speed against one card's, memory of a card, cost."""
    cost = "" if price_per_hour is None else f" {'cost':>9}"
    lines = [f"{'cards':>9} {'s a step':>9} {'run':>9} {'speed':>7} {'GB each':>8}{cost}"]
    for row in rows:
        cluster, plan = row.cluster, row.plan
        name = f"{cluster.hosts} x {cluster.cards}" if cluster.hosts > 1 else str(cluster.cards)
        memory = plan.choice.memory.device_bytes / 1e9
        spent = "" if price_per_hour is None else f" {plan.cost(price_per_hour):9.2f}"
        line = f"{name:>9} {plan.step_seconds:9.3f} {hours(plan.total_seconds):>9} {row.times:6.2f}x {memory:8.1f}"
        lines.append(line + spent)
    return "\n".join(lines)


def cards_as_json(rows: Sequence[PlanOnCards], price_per_hour: float | None) -> list[dict[str, object]]:
    """Return the same for `--json`."""
    return [
        {"cards": row.cluster.cards, "hosts": row.cluster.hosts, "speed": round(row.times, 3)}
        | row.plan.as_json(price_per_hour)
        for row in rows
    ]


def cards_picture(situation: Situation, title: str) -> str:
    """Return an SVG of hours over cards, both logarithmic, a line a way in which cards and hosts are joined."""
    ways: list[tuple[Link, Link]] = [(LINKS[0], NETWORKS[0]), (LINKS[0], NETWORKS[1]), (LINKS[2], NETWORKS[2])]
    lines = []
    for link, network in ways:
        cluster = replace(situation.cluster, link=link, network=network)
        rows = on_more_cards(replace(situation, cluster=cluster), _LARGEST)
        points = [(row.cluster.count, row.plan.total_seconds / 3600) for row in rows]
        lines.append((f"{link.name}, {network.name}", points))
    counts = [count for _, points in lines for count, _ in points]
    spent = [time for _, points in lines for _, time in points]
    x, y = _ends(counts), _ends(spent)
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    shapes = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'font-family="sans-serif" font-size="12"><title>{escape(title)}</title>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="14">{escape(title)}</text>',
        f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="#444"/>',
    ]
    for count in sorted(set(counts)):
        shapes.append(f'<text x="{x_of(count, x):.1f}" y="{bottom + 18}" text-anchor="middle">{count}</text>')
    for tick in ticks_of(y):
        at = y_of(tick, y)
        shapes.append(f'<path d="M{_LEFT} {at:.1f}H{right}" stroke="#ddd"/>')
        shapes.append(f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for number, (name, points) in enumerate(lines):
        colour = _COLOURS[number]
        places = [(x_of(count, x), y_of(time, y)) for count, time in points]
        path = "L".join(f"{left:.1f} {top:.1f}" for left, top in places)
        shapes.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (left, top), (count, time) in zip(places, points, strict=True):
            words = f"{name}, {count} cards: {time:.2f} h"
            dot = f'<circle cx="{left:.1f}" cy="{top:.1f}" r="4" fill="{colour}">'
            shapes.append(f"{dot}<title>{words}</title></circle>")
        at = _TOP + 10 + 22 * number
        shapes.append(f'<rect x="{right + 19}" y="{at - 6}" width="12" height="12" fill="{colour}"/>')
        shapes.append(f'<text x="{right + 37}" y="{at + 4}">{escape(name)}</text>')
    shapes.append(f'<text x="{(_LEFT + right) / 2}" y="{_HEIGHT - 10}" text-anchor="middle">cards</text>')
    shapes.append(f'<text x="16" y="{_HEIGHT / 2}" transform="rotate(-90 16 {_HEIGHT / 2})">hours</text>')
    return "\n".join([*shapes, "</svg>", ""])


def _ends(values: Sequence[float]) -> tuple[float, float]:
    return math.log(min(values) / 1.15), math.log(max(values) * 1.15)
