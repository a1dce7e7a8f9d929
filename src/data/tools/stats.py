"""What `yoyak data stats` counts: the spread of each measure in a file, its topics, and what two files share."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from ..files.sources import DialogueRow, DialogueTable
from ..prompt.turns import speakers_of, turns_of
from .duplicates import Pair, near_duplicates

MOST_COUNT_BINS = 16
MOST_TOPICS_NAMED = 12
MOST_PAIRS_NAMED = 50
_TAIL = 0.99
_Place = tuple[int, int]  # number of a file, and of a row in it

Measures = dict[str, list[float]]
"""A value a row by name of the measure, in the order of the rows."""


@dataclass(frozen=True)
class Spread:
    """Mean, 5th, 50th and 95th percentile (by nearest rank), smallest and largest of some values."""

    mean: float
    min: float
    p5: float
    p50: float
    p95: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarize `values`, in any order; all 0 where there are none."""
        if not values:
            return cls(0, 0, 0, 0, 0, 0)
        ranked = sorted(values)
        p5, p50, p95 = (ranked[math.ceil(share * len(ranked) / 100) - 1] for share in (5, 50, 95))
        return cls(math.fsum(ranked) / len(ranked), ranked[0], p5, p50, p95, ranked[-1])


@dataclass(frozen=True)
class FileStats:
    """One file: its usable rows and those left out by reason, a spread for each measure, and its topics by frequency.

    `repeated_dialogues` counts rows whose dialogue, character for character, an earlier row has; `near_duplicates`
    further rows whose dialogue is nearly that of another one.
    """

    source: str
    rows: int
    left_out: dict[str, int]
    measures: dict[str, Spread]
    topics: int
    rows_without_topic: int
    common_topics: dict[str, int]
    repeated_dialogues: int
    near_duplicates: int


@dataclass(frozen=True)
class SharedPair:
    """A dialogue of one file and its like in another, by id, and the Jaccard similarity of their word trigrams."""

    first: str
    second: str
    jaccard: float


@dataclass(frozen=True)
class SharedDialogues:
    """Dialogues that two files have in common.

    `exact` and `near` count rows of `second` whose dialogue `first` holds: character for character, or only nearly.
    `pairs` names the first MOST_PAIRS_NAMED, exact ones at the head.
    """

    first: str
    second: str
    exact: int
    near: int
    pairs: list[SharedPair]


@dataclass(frozen=True)
class DataStats:
    """What some files hold, each by itself and in common. `tokenizer` is None where tokens were not counted."""

    files: list[FileStats]
    shared: list[SharedDialogues]
    tokenizer: str | None
    tokenization: str
    near_jaccard: float

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain dicts, lists, strings and numbers, ready for JSON."""
        return asdict(self)


def measure_rows(rows: Sequence[DialogueRow], token_lengths: Callable[[list[str]], list[int]] | None) -> Measures:
    """Return turns, speakers, characters and (with a function that gives a text's tokens) tokens of each row."""
    measures: Measures = {
        "turns": [float(len(turns_of(row.dialogue))) for row in rows],
        "speakers": [float(len(set(speakers_of(row.dialogue)))) for row in rows],
        "dialogue_chars": [float(len(row.dialogue)) for row in rows],
        "summary_chars": [float(len(row.summary)) for row in rows],
    }
    if token_lengths:
        measures["dialogue_tokens"] = list(map(float, token_lengths([row.dialogue for row in rows])))
        measures["summary_tokens"] = list(map(float, token_lengths([row.summary for row in rows])))
    return measures


def describe_files(
    tables: Sequence[DialogueTable],
    measures: Sequence[Measures],
    tokenizer: str | None,
    tokenization: str,
    jaccard: float,
) -> DataStats:
    """Return the statistics of files whose rows were measured, and what they share.

    `tokenizer` is the one whose tokens were counted, `tokenization` how the words of coverage, density and compression
    were cut, `jaccard` the similarity of word trigrams from which dialogues count as near-duplicates.
    """
    rows_of: dict[str, list[_Place]] = defaultdict(list)
    for number, table in enumerate(tables):
        for index, row in enumerate(table.rows):
            rows_of[row.dialogue].append((number, index))
    distinct = list(rows_of)
    pairs = near_duplicates(distinct, jaccard)
    places = [rows_of[dialogue] for dialogue in distinct]
    near_rows = _rows_near_another_of_their_file(places, pairs)
    files = [_describe_file(table, measures[number], near_rows[number]) for number, table in enumerate(tables)]
    shared = [_shared(tables, *two, places, pairs) for two in combinations(range(len(tables)), 2)]
    return DataStats(files, shared, tokenizer, tokenization, jaccard)


def _rows_near_another_of_their_file(places: Sequence[Sequence[_Place]], pairs: Sequence[Pair]) -> Counter[int]:
    """Return, by file, how many dialogues (repetitions apart) follow a near-duplicate in the same file."""
    later = set()
    for pair in pairs:
        files = {number for number, _ in places[pair.first]} & {number for number, _ in places[pair.second]}
        later |= {(number, pair.second) for number in files}
    return Counter(number for number, _ in later)


def _describe_file(table: DialogueTable, values: Measures, near: int) -> FileStats:
    topics = Counter(row.topic for row in table.rows if row.topic)
    return FileStats(
        source=table.source,
        rows=len(table.rows),
        left_out=table.dropped_by_reason(),
        measures={name: Spread.of(of_rows) for name, of_rows in values.items()},
        topics=len(topics),
        rows_without_topic=sum(not row.topic for row in table.rows),
        common_topics=dict(topics.most_common(MOST_TOPICS_NAMED)),
        repeated_dialogues=table.duplicate_dialogues,
        near_duplicates=near,
    )


def _shared(
    tables: Sequence[DialogueTable], first: int, second: int, places: Sequence[Sequence[_Place]], pairs: Sequence[Pair]
) -> SharedDialogues:
    def ids(distinct: int, number: int) -> list[str]:
        return [tables[number].rows[row].fname for file, row in places[distinct] if file == number]

    exact = [(ids(text, first), ids(text, second), 1.0) for text in range(len(places))]
    near = [(ids(p.first, first), ids(p.second, second), p.jaccard) for p in pairs]
    near += [(ids(p.second, first), ids(p.first, second), p.jaccard) for p in pairs]
    found = [[one for one in kind if one[0] and one[1]] for kind in (exact, sorted(near, key=lambda one: -one[2]))]
    exact_rows, near_rows = ({name for _, names, _ in kind for name in names} for kind in found)
    named = [
        SharedPair(one[0], name, round(jaccard, 3)) for kind in found for one, names, jaccard in kind for name in names
    ]
    return SharedDialogues(
        tables[first].source,
        tables[second].source,
        len(exact_rows),
        len(near_rows - exact_rows),
        named[:MOST_PAIRS_NAMED],
    )


def shared_bins(columns: Sequence[Sequence[float]]) -> list[tuple[float, list[int]]]:
    """Count the values of several files in the same bins: upper bound, and the count in each file.

    At most MOST_COUNT_BINS bins of equal width (1, 2 or 5 times a power of ten) hold all but the largest hundredth;
    what is larger is in one more bin, up to the largest value (two decimals). A value equal to a bound is below it;
    whole numbers take a width of 1 or more.
    """
    ranked = sorted(value for column in columns for value in column)
    if not ranked:
        return []
    low, tail = ranked[0], ranked[math.ceil(_TAIL * len(ranked)) - 1]
    whole = all(value.is_integer() for value in ranked)
    widths = (step * 10.0**power for power in range(0 if whole else -4, 20) for step in (1, 2, 5))
    width = next(w for w in widths if math.ceil(tail / w) - math.ceil(low / w) < MOST_COUNT_BINS)
    first, last = math.ceil(low / width), math.ceil(tail / width)
    bounds = [round(number * width, 10) for number in range(first, last + 1)]
    if ranked[-1] > bounds[-1]:
        bounds.append(math.ceil(100 * ranked[-1]) / 100)
    counts = [Counter(min(math.ceil(value / width - 1e-9) - first, len(bounds) - 1) for value in c) for c in columns]
    return [(bound, [count[number] for count in counts]) for number, bound in enumerate(bounds)]
