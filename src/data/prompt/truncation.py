"""Shortening a dialogue that does not fit: whole turns first, from the middle."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise

from ...bilingual import count
from .turns import LABEL


@dataclass
class TruncationCounts:
    """What encoding a data set cut or let pass: counts of examples, turns and tokens."""

    examples: int = 0
    prompts_cut: int = 0
    turns_cut: int = 0
    tokens_cut: int = 0
    long_summaries: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)

    def sentence(self) -> str:
        """Return the counts in words."""
        examples = count(self.examples, "example")
        if not self.prompts_cut and not self.long_summaries:
            return f"{examples}, none shortened"
        parts = [examples]
        if self.prompts_cut:
            cut = f"{count(self.turns_cut, 'turn')}, {count(self.tokens_cut, 'token')} cut"
            parts.append(f"{count(self.prompts_cut, 'dialogue')} shortened ({cut})")
        if self.long_summaries:
            long = count(self.long_summaries, "summary", "summaries")
            parts.append(f"{long} longer than decoder_max_len, kept whole")
        return ", ".join(parts)


def split_turns(dialogue: str) -> list[str]:
    """Split a dialogue into turns: each line that names a speaker (`turns.py`) starts one, others belong to it.

    Where fewer than two lines name one, each line is a turn.
    """
    lines = dialogue.split("\n")
    starts = [bool(LABEL.match(line)) for line in lines]
    if sum(starts) < 2:
        return lines
    firsts = [0, *(place for place, is_start in enumerate(starts) if is_start and place), len(lines)]
    return ["\n".join(lines[first:end]) for first, end in pairwise(firsts)]


def shorten_dialogue(dialogue: str, budget: int, token_ends: Callable[[str], list[int]]) -> tuple[str, int]:
    """Return `dialogue` with as few turns removed as it takes to need at most about `budget` tokens, and how many.

    Turns are removed in one block in the middle, kept alternately from both ends: the opening says who talks about
    what, the end what was decided, and the middle is what a summary leaves out. Only where whole turns would leave
    more than half of the budget empty, as one giant turn does, is the first that is gone kept in part: its beginning.
    Turns are as in `split_turns`; `token_ends` gives, for a text, the character at which each of its tokens ends. The
    caller checks the whole prompt and asks again with less where it is still too long.
    """
    turns = split_turns(dialogue)
    sizes = [len(token_ends(turn + "\n")) for turn in turns]
    front, back, used = 0, len(turns), 0
    front_open = back_open = True
    take_front = True
    while front < back and (front_open or back_open):
        if take_front and front_open:
            front_open = used + sizes[front] <= budget
            if front_open:
                used += sizes[front]
                front += 1
        elif not take_front and back_open:
            back_open = used + sizes[back - 1] <= budget
            if back_open:
                back -= 1
                used += sizes[back]
        take_front = not take_front
    begun: list[str] = []
    if front < back and 2 * used < budget:
        ends = token_ends(turns[front])[: budget - used]
        begun = [turns[front][: ends[-1]].rstrip()] if ends else []
    return "\n".join(turns[:front] + begun + turns[back:]), back - front - len(begun)
