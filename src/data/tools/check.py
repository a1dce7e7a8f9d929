"""What `yoyak data check FILE` reports: what a file holds, its bad rows, and how long its dialogues are."""

import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...config.schema import DataSettings
from ..files.sources import DialogueRow, DialogueTable, read_dialogues
from ..files.text_files import holds_one_dialogue, read_one_dialogue
from ..prompt.turns import turns_of

MOST_LINES_NAMED = 5
MOST_SPEAKERS_NAMED = 5
MOST_LENGTH_BINS = 12


@dataclass(frozen=True)
class Distribution:
    """Mean, median, 95th percentile and largest of some counts; percentiles by nearest rank, all 0 for no counts."""

    mean: float
    p50: int
    p95: int
    max: int

    @classmethod
    def of(cls, counts: Sequence[int]) -> "Distribution":
        """Summarize `counts`, in any order."""
        if not counts:
            return cls(0.0, 0, 0, 0)
        ranked = sorted(counts)
        p50, p95 = (ranked[math.ceil(share * len(ranked) / 100) - 1] for share in (50, 95))
        return cls(sum(ranked) / len(ranked), p50, p95, ranked[-1])


@dataclass(frozen=True)
class BadRows:
    """The bad rows of one reason: how many, and the places and faults of the first MOST_LINES_NAMED."""

    count: int
    lines: list[int]
    details: list[str]


@dataclass(frozen=True)
class Bin:
    """How many dialogues have prompts of `low` to `high` tokens, both included."""

    low: int
    high: int
    count: int


@dataclass(frozen=True)
class PromptLengths:
    """Lengths of whole prompts in tokens, before truncation, and how many exceed `limit`."""

    tokens: Distribution
    histogram: list[Bin]
    limit: int
    over_limit: int


@dataclass(frozen=True)
class DataReport:
    """What a file holds. Counts of turns, speakers and characters are per dialogue, over the usable rows.

    A turn is a line that is not blank; its speaker is the short name before its first colon. `common_speakers` are the
    names found in most dialogues, with the number of dialogues. `unit` says what the lines of `bad_rows` count, and
    `bad_lines` how many of them these rows took: a broken quote may take many. `composed_rows` had decomposed
    characters, as macOS writes Hangul, and `composed_columns` such a name or one with characters without width.
    `exports` counts the dialogues that were read as exports of chats or meetings, by format; `first_turns` are those of
    the first; `unread_exports` are the lines of those that look like one and stay as they are.
    """

    source: str
    encoding: str
    unit: str
    rows: int
    bad_rows: dict[str, BadRows]
    duplicate_dialogues: int
    turns: Distribution
    turns_without_speaker: int
    speakers: Distribution
    common_speakers: dict[str, int]
    dialogue_chars: Distribution
    summary_chars: Distribution
    prompts: PromptLengths | None = None
    bad_lines: int = 0
    composed_rows: int = 0
    composed_columns: list[str] = field(default_factory=list)
    exports: dict[str, int] = field(default_factory=dict)
    first_turns: list[str] = field(default_factory=list)
    unread_exports: list[int] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain dicts, lists, strings and numbers, ready for JSON."""
        return asdict(self)


def check_file(
    source: str,
    settings: DataSettings,
    prompt_lengths: Callable[[Sequence[DialogueRow]], list[int]] | None = None,
    encoder_max_len: int = 1024,
    need_summary: bool = True,
) -> DataReport:
    """Read `source` (as `load_dialogues` takes it) and report on it; bad rows are reported, whatever the settings say.

    `prompt_lengths` takes rows and returns the number of tokens of each one's whole prompt before truncation; with it
    the report holds their histogram and how many exceed `encoder_max_len`.

    Raises YoyakError where the file as a whole cannot be used: missing, undecodable, empty, without the columns.
    """
    is_text = holds_one_dialogue(Path(os.path.expanduser(source)))
    table = read_one_dialogue(source, settings) if is_text else read_dialogues(source, settings, need_summary)
    dialogues = [row.dialogue for row in table.rows]
    speakers = [[speaker for speaker, _ in turns_of(dialogue)] for dialogue in dialogues]
    names = [{name for name in dialogue_speakers if name} for dialogue_speakers in speakers]
    common = Counter(name for dialogue_names in names for name in sorted(dialogue_names))
    prompts = None
    if prompt_lengths is not None:
        lengths = prompt_lengths(table.rows)
        over_limit = sum(length > encoder_max_len for length in lengths)
        prompts = PromptLengths(Distribution.of(lengths), count_bins(lengths), encoder_max_len, over_limit)
    return DataReport(
        source=table.source,
        encoding=table.encoding,
        unit=table.unit,
        rows=len(table.rows),
        bad_rows=_bad_rows(table),
        duplicate_dialogues=table.duplicate_dialogues,
        turns=Distribution.of([len(dialogue_speakers) for dialogue_speakers in speakers]),
        turns_without_speaker=sum(dialogue_speakers.count(None) for dialogue_speakers in speakers),
        speakers=Distribution.of([len(dialogue_names) for dialogue_names in names]),
        common_speakers=dict(common.most_common(MOST_SPEAKERS_NAMED)),
        dialogue_chars=Distribution.of([len(dialogue) for dialogue in dialogues]),
        summary_chars=Distribution.of([len(row.summary) for row in table.rows]),
        prompts=prompts,
        bad_lines=table.dropped_lines.total(),
        composed_rows=table.composed_rows,
        composed_columns=table.composed_columns,
        exports=dict(table.chats.formats.most_common()),
        first_turns=table.chats.turns,
        unread_exports=table.chats.unread,
    )


def _bad_rows(table: DialogueTable) -> dict[str, BadRows]:
    report = {}
    for reason, count in table.dropped_by_reason().items():
        first = [bad for bad in table.dropped if bad.reason == reason][:MOST_LINES_NAMED]
        report[reason] = BadRows(count, [bad.line for bad in first], [bad.detail for bad in first])
    return report


def count_bins(lengths: Sequence[int]) -> list[Bin]:
    """Count `lengths` in at most MOST_LENGTH_BINS bins of equal width (1, 2 or 5 times a power of 10).

    Bins start at multiples of the width; the first holds the shortest, the last the longest.
    """
    if not lengths:
        return []
    widths = (step * 10**power for power in range(20) for step in (1, 2, 5))
    width = next(width for width in widths if max(lengths) // width < MOST_LENGTH_BINS)
    counts = Counter(length // width for length in lengths)
    return [Bin(i * width, (i + 1) * width - 1, counts[i]) for i in range(min(counts), max(counts) + 1)]
