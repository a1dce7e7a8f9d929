"""Divide dialogues into a training and an evaluation part, or into folds: by topic, with no dialogue on two sides."""

import random
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ...bilingual import count
from ...errors import YoyakError
from ..files.sources import DialogueRow
from .duplicates import connected, duplicate_groups

_LARGE = 0.01  # a group with this share of the rows goes before all topics


@dataclass(frozen=True)
class Split:
    """Which side each row is on, and which rows (by index) were kept together because they belong together."""

    side_of_row: list[int]
    together: list[list[int]]

    def rows(self, side: int) -> list[int]:
        """Return the rows of one side, in the order of the file."""
        return [row for row, its_side in enumerate(self.side_of_row) if its_side == side]

    def rows_but(self, side: int) -> list[int]:
        """Return the rows of all other sides, in the order of the file."""
        return [row for row, its_side in enumerate(self.side_of_row) if its_side != side]


def split_rows(
    rows: Sequence[DialogueRow],
    eval_share: float = 0.1,
    *,
    seed: int = 42,
    by_topic: bool = True,
    groups: Sequence[Hashable | None] | None = None,
) -> Split:
    """Divide rows into training (side 0) and evaluation (side 1); see `divide`.

    Raises:
        YoyakError: `eval_share` is not between 0 and 1, or one side stays empty.
    """
    if not 0 < eval_share < 1:
        raise YoyakError(f"eval share {eval_share:g}: it is the part of the rows to keep for evaluation, such as 0.1")
    share = Fraction(str(eval_share))
    split = divide(rows, [share.denominator - share.numerator, share.numerator], seed, by_topic, groups)
    if not split.rows(0) or not split.rows(1):
        empty = "evaluation" if not split.rows(1) else "training"
        raise YoyakError(
            f"{count(len(rows), 'row')} at an eval share of {eval_share:g}: none is left for {empty}{_held(split)}; "
            "use another share or more rows"
        )
    return split


def split_folds(
    rows: Sequence[DialogueRow],
    folds: int,
    *,
    seed: int = 42,
    by_topic: bool = True,
    groups: Sequence[Hashable | None] | None = None,
) -> Split:
    """Divide rows into `folds` sides of like size; see `divide`.

    Raises:
        YoyakError: fewer than 2 folds, or one stays empty.
    """
    if folds < 2:
        raise YoyakError(f"{folds} folds: use 2 or more")
    split = divide(rows, [1] * folds, seed, by_topic, groups)
    if not all(split.rows(fold) for fold in range(folds)):
        raise YoyakError(
            f"{count(len(rows), 'row is', 'rows are')} too few for {folds} folds{_held(split)}; use fewer folds or "
            "more rows"
        )
    return split


def fold_indices(
    rows: Sequence[DialogueRow],
    folds: int,
    *,
    seed: int = 42,
    by_topic: bool = True,
    groups: Sequence[Hashable | None] | None = None,
) -> list[tuple[list[int], list[int]]]:
    """Return training and evaluation rows of each fold, by index; every row is evaluated in exactly one fold.

    Raises:
        YoyakError: as `split_folds`.
    """
    split = split_folds(rows, folds, seed=seed, by_topic=by_topic, groups=groups)
    return [(split.rows_but(fold), split.rows(fold)) for fold in range(folds)]


def divide(
    rows: Sequence[DialogueRow],
    weights: Sequence[int],
    seed: int = 42,
    by_topic: bool = True,
    groups: Sequence[Hashable | None] | None = None,
) -> Split:
    """Give each row a side; sides get rows in proportion to `weights`.

    Rows that belong together stay together: equal and nearly equal dialogues (`duplicate_groups`), and rows of one
    group where `groups` names them (None belongs to none).

    With `by_topic` rows are dealt out topic by topic, each to the side that is furthest behind: systematic sampling
    from an ordered list (Madow and Madow, "On the Theory of Systematic Sampling", 1944). A topic of n rows that stand
    alone gives a side its share of n, give or take one; topics too rare for that share their places with the topics
    beside them, so that a tenth of all the rare ones together is evaluated too. The order of topics and that of the
    rows in a topic come from `seed`. In a topic, and overall where they are large, groups go first, so that single
    rows can make up for them.
    """
    together = _together(rows, groups)
    units = together + [[row] for row in sorted(set(range(len(rows))) - {row for unit in together for row in unit})]
    source = random.Random(seed)
    source.shuffle(units)
    if by_topic:
        place: dict[str | None, int] = {}
        for unit in units:  # a group has the topic of its first row
            place.setdefault(rows[unit[0]].topic, len(place))
        units.sort(key=lambda unit: (place[rows[unit[0]].topic], -len(unit)))
    units.sort(key=lambda unit: -len(unit) if len(unit) > _LARGE * len(rows) else 0)
    ranks = source.sample(range(len(weights)), len(weights))
    side_of_row = [0] * len(rows)
    given = [0] * len(weights)
    for unit in units:
        seen = sum(given) + len(unit)
        side = max(range(len(weights)), key=lambda s: (weights[s] * seen - sum(weights) * given[s], ranks[s]))
        given[side] += len(unit)
        for row in unit:
            side_of_row[row] = side
    return Split(side_of_row, together)


def _together(rows: Sequence[DialogueRow], groups: Sequence[Hashable | None] | None) -> list[list[int]]:
    links = [(group[0], row) for group in duplicate_groups([row.dialogue for row in rows]) for row in group[1:]]
    members: dict[Hashable, list[int]] = defaultdict(list)
    for row, group in enumerate(groups or ()):
        if group is not None:
            members[group].append(row)
    links += [(group[0], row) for group in members.values() for row in group[1:]]
    return connected(len(rows), links)


def _held(split: Split) -> str:
    kept = sum(map(len, split.together))
    return f" ({kept} of them are kept together in {count(len(split.together), 'group')})" if kept else ""
