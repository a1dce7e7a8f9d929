"""A run on more and more cards beside each other: a table, and a picture of time over cards."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from ..bilingual import count
from .advice import hours
from .cluster import LINKS, NETWORKS, Cluster, Link
from .compare import ticks_of, x_of, y_of
from .plan import Plan, Situation, make_plan

ON_PAPER = 64
"""Cards, on paper."""
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 760, 460, 70, 50, 40, 170
_MARKS = {"*": "  * weights cut over the cards", "!": "  ! does not fit"}
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#444444")


@dataclass(frozen=True)
class PlanOnCards:
    """A plan on so many cards, and its speed against that on the fewest on which the run fits."""

    cluster: Cluster
    plan: Plan
    times: float


def on_more_cards(situation: Situation, largest: int | None = None) -> list[PlanOnCards]:
    """Return the run's plans on 1, 2, 4 ... cards of a host, then on 2, 4 ... such hosts, up to those asked for."""
    asked = situation.cluster
    largest = largest or asked.count
    clusters = [replace(asked, cards=cards, hosts=1) for cards in _doubled(asked.cards)]
    while (cards := 2 * clusters[-1].hosts * asked.cards) <= max(largest, asked.count):
        clusters.append(replace(asked, hosts=cards // asked.cards))
    if clusters[-1].count < asked.count:
        clusters.append(asked)
    clusters = _that_can_cut(situation, clusters)
    plans = [make_plan(replace(situation, cluster=cluster)) for cluster in clusters]
    first = next((plan for plan in plans if plan.fits), plans[0])
    return [
        PlanOnCards(cluster, plan, first.total_seconds / plan.total_seconds)
        for cluster, plan in zip(clusters, plans, strict=True)
    ]


def _that_can_cut(situation: Situation, clusters: list[Cluster]) -> list[Cluster]:
    """Return the clusters that can train as asked: to cut weights takes two cards."""
    return [one for one in clusters if one.count > 1 or situation.config.training.sharding != "weights"]


def _doubled(most: int) -> list[int]:
    """Return 1, 2, 4 ... below `most`, and `most`."""
    return [1 << power for power in range(most.bit_length()) if 1 << power < most] + [most]


def cards_text(rows: Sequence[PlanOnCards], price_per_hour: float | None) -> str:
    """Return a table: cards, seconds a step, the run, its speed, memory of a card, cost; what is marked is said."""
    cost = "" if price_per_hour is None else f" {'cost':>9}"
    lines = [f"{'cards':>9} {'s a step':>9} {'run':>9} {'speed':>7} {'GB each':>8}{cost}"]
    for row in rows:
        cluster, plan = row.cluster, row.plan
        name = f"{cluster.hosts} x {cluster.cards}" if cluster.hosts > 1 else str(cluster.cards)
        memory = plan.choice.memory.device_bytes / 1e9
        spent = "" if price_per_hour is None else f" {plan.cost(price_per_hour):9.2f}"
        speed = f"{row.times:6.2f}x" if plan.fits else f"{'-':>7}"
        line = f"{name:>9} {plan.step_seconds:9.3f} {hours(plan.total_seconds):>9} {speed} {memory:8.1f}"
        lines.append((line + spent + _mark(plan)).rstrip())
    marks = {_mark(row.plan).strip() for row in rows}
    return "\n".join([*lines, *(said for mark, said in _MARKS.items() if mark in marks)])


def links_text(situation: Situation) -> str:
    """Return a table of the ways in which the asked cards can be joined: what a step and the run take."""
    asked = situation.cluster
    of_hosts = NETWORKS if asked.hosts > 1 else (asked.network,)
    of_cards = LINKS if asked.hosts == 1 else (asked.link,)
    lines = [f"{'joined by':>20} {'s a step':>9} {'run':>9}"]
    for link in of_cards:
        for network in of_hosts:
            plan = make_plan(replace(situation, cluster=replace(asked, link=link, network=network)))
            name = link.name if asked.hosts == 1 else network.name
            lines.append(f"{name:>20} {plan.step_seconds:9.3f} {hours(plan.total_seconds):>9}{_mark(plan)}")
    return "\n".join(lines)


def _mark(plan: Plan) -> str:
    return " !" if not plan.fits else " *" if plan.sharding == "weights" else ""


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
        rows = on_more_cards(replace(situation, cluster=cluster), ON_PAPER)
        shown = [row for row in rows if row.plan.fits] or rows
        points = [(row.cluster.count, row.plan.total_seconds / 3600) for row in shown]
        lines.append((f"{link.name}, {network.name}", points))
    counts = [cards for _, points in lines for cards, _ in points]
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
    for cards in sorted(set(counts)):
        shapes.append(f'<text x="{x_of(cards, x):.1f}" y="{bottom + 18}" text-anchor="middle">{cards}</text>')
    for tick in ticks_of(y):
        at = y_of(tick, y)
        shapes.append(f'<path d="M{_LEFT} {at:.1f}H{right}" stroke="#ddd"/>')
        shapes.append(f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for number, (name, points) in enumerate(lines):
        colour = _COLOURS[number]
        places = [(x_of(cards, x), y_of(time, y)) for cards, time in points]
        path = "L".join(f"{left:.1f} {top:.1f}" for left, top in places)
        shapes.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (left, top), (cards, time) in zip(places, points, strict=True):
            words = f"{name}, {count(cards, 'card')}: {time:.2f} h"
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
