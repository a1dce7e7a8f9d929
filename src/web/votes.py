"""Blind votes: two systems' summaries of the same dialogues, which of them a person prefers, kept as lines of JSON."""

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import YoyakError
from ..files import appending
from ..runs.record import now
from .place import Place
from .summaries_view import system_summaries

BEFORE_MARK = "~before"
"""Behind a run's name: its summaries before training."""


@dataclass(frozen=True)
class Duel:
    """A dialogue with two summaries, `left` and `right` being `a` and `b` or the other way round, by the dialogue."""

    key: str
    dialogue: str
    reference: str | None
    left: str
    right: str
    is_turned: bool
    scores: tuple[float | None, float | None]
    """ROUGE sums of `a` and `b`."""

    @property
    def texts(self) -> str:
        """Return what names the two summaries: a vote is on these, and not on those of a later run of the same name."""
        pair = (self.right, self.left) if self.is_turned else (self.left, self.right)
        return hashlib.sha256("\0".join(pair).encode("utf-8", "replace")).hexdigest()[:16]


@dataclass(frozen=True)
class VoteResult:
    """How often each side won; `low` and `high` bound a's share of the decided votes (Wilson, 95%).

    `agreed` of `scored` decided votes prefer the summary with the higher ROUGE sum.
    """

    wins_a: int
    wins_b: int
    ties: int
    low: float
    high: float
    agreed: int
    scored: int


def duels(place: Place, a: str, b: str) -> list[Duel]:
    """Return the dialogues of which two systems have different summaries, in an order that tells nothing.

    Raises:
        YoyakError: a run's file is broken, or the systems have no dialogue in common.
    """
    ours, theirs = (system_summaries(*_system(place, name)) for name in (a, b))
    found = []
    for dialogue, (text, score, reference) in ours.items():
        if dialogue in theirs and theirs[dialogue][0] != text:
            digest = hashlib.sha256(f"{min(a, b)}\0{max(a, b)}\0{dialogue}".encode("utf-8", "replace")).hexdigest()
            turned = int(digest[0], 16) % 2 == 1
            pair = (theirs[dialogue][0], text) if turned else (text, theirs[dialogue][0])
            found.append(Duel(digest[:32], dialogue, reference, *pair, turned, (score, theirs[dialogue][1])))
    if not found:
        raise YoyakError(f"{a} and {b}: no dialogue of which they have different summaries")
    return sorted(found, key=lambda duel: duel.key)


def _system(place: Place, name: str) -> tuple[Path, bool]:
    run, mark, _ = name.partition(BEFORE_MARK)
    return place.run(run).absolute(), bool(mark)


def votes_file(place: Place, a: str, b: str) -> Path:
    """Return the file of the votes on two systems."""
    digest = hashlib.sha256(f"{a}\0{b}".encode("utf-8", "replace")).hexdigest()[:16]
    return place.own / "votes" / f"{digest}.jsonl"


def read_votes(place: Place, a: str, b: str, of: Iterable[Duel] = ()) -> dict[str, dict[str, str]]:
    """Return for each person (`""` where a vote has no name) and dialogue `a`, `b` or `tie`; the later vote counts.

    Of the dialogues in `of` only votes on the summaries that they have now, or that name none, are returned.
    """
    votes: dict[str, dict[str, str]] = {}
    now_there = {duel.key: duel.texts for duel in of}
    with suppress(OSError), votes_file(place, a, b).open(encoding="utf-8", errors="replace") as file:
        for line in file:
            with suppress(ValueError, KeyError, TypeError, RecursionError):
                vote = json.loads(line)
                choice, texts = vote["choice"], vote.get("texts")
                if choice in ("a", "b", "tie") and texts in (None, now_there.get(vote["key"], texts)):
                    votes.setdefault(str(vote.get("who", "")), {})[str(vote["key"])] = choice
    return votes


def add_vote(place: Place, a: str, b: str, duel: Duel, side: str, who: str = "") -> None:
    """Keep someone's vote for `left`, `right` or `tie`.

    Raises:
        YoyakError: the file can't be written.
    """
    choice = "tie" if side == "tie" else "a" if (side == "left") != duel.is_turned else "b"
    line = {"key": duel.key, "choice": choice, "a": a, "b": b, "dialogue": duel.dialogue, "who": who, "at": now()}
    line["texts"] = duel.texts
    path = votes_file(place, a, b)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = "\n" if _ends_within_a_line(path) else ""
        with appending(path) as file:
            file.write(before + json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as error:
        raise YoyakError(f"{path}: the vote can't be kept ({error.strerror})") from None


def _ends_within_a_line(path: Path) -> bool:
    """Tell whether the last vote was cut, as a full disk does: the next would be lost with it."""
    with suppress(OSError), path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"
    return False


def result_of(all_duels: Sequence[Duel], votes: Iterable[Mapping[str, str]]) -> VoteResult:
    """Return what came of the votes of some people so far."""
    choices = [(duel, of_one[duel.key]) for of_one in votes for duel in all_duels if duel.key in of_one]
    wins_a, wins_b = (sum(choice == side for _, choice in choices) for side in ("a", "b"))
    scored = agreed = 0
    for duel, choice in choices:
        ours, theirs = duel.scores
        if choice != "tie" and ours is not None and theirs is not None and ours != theirs:
            scored += 1
            agreed += (ours > theirs) == (choice == "a")
    return VoteResult(wins_a, wins_b, len(choices) - wins_a - wins_b, *wilson(wins_a, wins_a + wins_b), agreed, scored)


def wilson(wins: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the bounds of a share (Wilson, "Probable Inference", JASA 1927); (0, 1) for no trials."""
    if not trials:
        return 0.0, 1.0
    share, spread = wins / trials, z * z / trials
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
