"""Methods, cards and lengths beside each other: a table, and a picture of time over memory."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape

from .devices import Device, find_device
from .lengths import Lengths
from .plan import Plan, Situation, make_plan
from .words import METHODS

COMPARED_CARDS = ("RTX 3060", "RTX 4090", "A6000", "H100")
_SCALES = (0.5, 1.0, 2.0)
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 760, 460, 70, 50, 40, 170
_COLOURS = {"qlora": "#0072b2", "lora": "#d55e00", "full": "#444444"}


@dataclass(frozen=True)
class ComparedPlan:
    """One plan of a comparison."""

    card: str
    method: str
    scale: float
    plan: Plan


def compared(situation: Situation, cards: Sequence[Device] | None = None) -> list[ComparedPlan]:
    """Return plans of QLoRA, LoRA and full fine-tuning on several cards, with data half, once and twice as long."""
    rows = []
    for card in cards or [find_device(name) for name in COMPARED_CARDS]:
        for method in METHODS:
            for scale in _SCALES:
                config = situation.config.model_copy(deep=True)
                config.lora.use_lora, config.lora.use_qlora = method != "full", method == "qlora"
                config.lora.init = "default"  # which decides nothing of a plan, and may not be had with all of these
                config.training.engine, config.training.gradient_checkpointing = "auto", "auto"
                other = replace(situation, config=config, device=card, train=_scaled(situation.train, scale))
                rows.append(ComparedPlan(card.name, method, scale, make_plan(other)))
    return rows


def _scaled(lengths: Lengths, scale: float) -> Lengths:
    prompts = [max(1, round(size * scale)) for size in lengths.prompts]
    return replace(lengths, prompts=prompts, responses=[max(1, round(size * scale)) for size in lengths.responses])


def table_text(rows: Sequence[ComparedPlan], say: Callable[[str], str] = str) -> str:
    """Return the comparison as a table, whose words are those that `say` makes of ours."""
    heads = ("card", "method", "lengths", "GB", "hours", "micro-batch, computed again")
    lines = [_line([say(head) for head in heads])]
    for row in rows:
        choice = row.plan.choice
        size = f"{choice.micro_batch_tokens or choice.work.largest.tokens:,}, {say(choice.checkpointing)}"
        memory, time = choice.memory.device_bytes / 1e9, row.plan.total_seconds / 3600
        shown = [f"{time:.2f}", size] if row.plan.fits else ["-", say("does not fit")]
        lines.append(_line([row.card, say(METHODS[row.method]), f"x{row.scale:g}", f"{memory:.1f}", *shown]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    """Return two cells to the left of their columns, three to the right, and the last; Hangul takes two places."""
    from rich.cells import cell_len

    gaps = [" " * (width - cell_len(cell)) for cell, width in zip(cells, (14, 18, 8, 8, 8), strict=False)]
    names = [cell + gap for cell, gap in zip(cells[:2], gaps[:2], strict=True)]
    figures = [gap + cell for cell, gap in zip(cells[2:5], gaps[2:], strict=True)]
    return f"{' '.join([*names, *figures])}  {cells[5]}"


def picture(rows: Sequence[ComparedPlan], title: str) -> str:
    """Return an SVG of hours over gigabytes, both logarithmic: a colour a method, a shape a card, filled if it fits."""
    points = [(row.plan.choice.memory.device_bytes / 1e9, row.plan.total_seconds / 3600, row) for row in rows]
    x, y = _scale([p[0] for p in points]), _scale([p[1] for p in points])
    cards = list(dict.fromkeys(row.card for row in rows))
    shapes = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'font-family="sans-serif" font-size="12"><title>{escape(title)}</title>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="14">{escape(title)}</text>',
    ]
    shapes += _axes(x, y)
    for memory, hours, row in points:
        left, top = x_of(memory, x), y_of(hours, y)
        words = f"{row.card}, {METHODS[row.method]}, lengths x{row.scale:g}: {memory:.1f} GB, {hours:.2f} h"
        shapes.append(_mark(left, top, cards.index(row.card), row.method, row.plan.fits, words))
    return "\n".join([*shapes, *_legend(cards), "</svg>", ""])


def _scale(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return math.log(low / 1.15), math.log(high * 1.15)


def x_of(value: float, scale: tuple[float, float]) -> float:
    """Return where a value is from left to right, on a logarithmic scale (the logarithms of its ends)."""
    return _LEFT + _share(value, scale) * (_WIDTH - _LEFT - _RIGHT)


def y_of(value: float, scale: tuple[float, float]) -> float:
    """Return where a value is from the top, on a logarithmic scale (the logarithms of its ends)."""
    return _HEIGHT - _BOTTOM - _share(value, scale) * (_HEIGHT - _BOTTOM - _TOP)


def _share(value: float, scale: tuple[float, float]) -> float:
    return (math.log(value) - scale[0]) / (scale[1] - scale[0])


def _axes(x: tuple[float, float], y: tuple[float, float]) -> list[str]:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    shapes = [f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="#444"/>']
    for tick in ticks_of(x):
        at = x_of(tick, x)
        shapes.append(f'<path d="M{at:.1f} {_TOP}V{bottom}" stroke="#ddd"/>')
        shapes.append(f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{tick:g}</text>')
    for tick in ticks_of(y):
        at = y_of(tick, y)
        shapes.append(f'<path d="M{_LEFT} {at:.1f}H{right}" stroke="#ddd"/>')
        shapes.append(f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{tick:g}</text>')
    shapes.append(f'<text x="{(_LEFT + right) / 2}" y="{_HEIGHT - 10}" text-anchor="middle">memory, GB</text>')
    shapes.append(f'<text x="16" y="{_HEIGHT / 2}" transform="rotate(-90 16 {_HEIGHT / 2})">hours</text>')
    return shapes


def ticks_of(scale: tuple[float, float]) -> list[float]:
    """Return the round numbers of a logarithmic scale."""
    low, high = math.exp(scale[0]), math.exp(scale[1])
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [step * 10.0**power for power in powers for step in (1, 2, 5) if low <= step * 10.0**power <= high]


def _mark(left: float, top: float, card: int, method: str, fits: bool, words: str) -> str:
    size = 6.0
    forms = (
        f"M{left - size:.1f} {top:.1f}a{size} {size} 0 1 0 {2 * size} 0a{size} {size} 0 1 0 {-2 * size} 0z",
        f"M{left - size:.1f} {top - size:.1f}h{2 * size}v{2 * size}h{-2 * size}z",
        f"M{left:.1f} {top - 1.3 * size:.1f}l{1.2 * size} {2.2 * size}h{-2.4 * size}z",
        f"M{left:.1f} {top - 1.3 * size:.1f}l{1.3 * size} {1.3 * size}l{-1.3 * size} {1.3 * size}"
        f"l{-1.3 * size} {-1.3 * size}z",
    )
    colour = _COLOURS[method]
    fill = colour if fits else "none"
    path = f'<path d="{forms[card % len(forms)]}" fill="{fill}" fill-opacity="0.75" stroke="{colour}">'
    return f"{path}<title>{escape(words)}</title></path>"


def _legend(cards: Sequence[str]) -> list[str]:
    left, shapes = _WIDTH - _RIGHT + 25, []
    for number, (method, name) in enumerate(METHODS.items()):
        top = _TOP + 10 + 22 * number
        shapes.append(f'<rect x="{left - 6}" y="{top - 6}" width="12" height="12" fill="{_COLOURS[method]}"/>')
        shapes.append(f'<text x="{left + 14}" y="{top + 4}">{name}</text>')
    for number, card in enumerate(cards):
        top = _TOP + 95 + 22 * number
        shapes.append(_mark(left, top, number, "full", True, card))
        shapes.append(f'<text x="{left + 14}" y="{top + 4}">{escape(card)}</text>')
    top = _TOP + 95 + 22 * len(cards) + 8
    shapes.append(f'<text x="{left - 6}" y="{top}">hollow: does not fit</text>')
    return shapes
