"""More training rows out of the ones there are: dialogues with other speakers' names, or under other instructions."""

import random
import re
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal

from ..files.sources import DialogueRow
from ..prompt.prompts import PROMPT_TEXTS
from ..prompt.turns import speakers_of
from .augment_names import KOREAN_TITLES, NEW_NAMES, NEW_SURNAMES
from .augment_particles import ending_of, with_particles
from .augment_speakers import Speaker, find_speakers, is_korean

Language = Literal["ko", "en"]
ChatMessage = dict[str, str]


@dataclass(frozen=True)
class RenamedRow:
    """A copy of a row, by its index, and which label became which."""

    source: int
    row: DialogueRow
    labels: dict[str, str]


@dataclass(frozen=True)
class Renaming:
    """Renamed copies in the order of the rows, the rows without one, and how many speakers stayed, by reason."""

    copies: list[RenamedRow]
    rows_without: int
    kept_speakers: Counter[str]


def rename_speakers(rows: Sequence[DialogueRow], copies: int, seed: int = 42) -> Renaming:
    """Return up to `copies` copies of each row in which the speakers have other names.

    Names change in dialogue and summary alike, as whole words and all in one pass, so that no new name is taken for an
    old one. The turns stay as they are and in their order. New names occur nowhere in the row, differ from each other,
    and differ from copy to copy; no copy has another row's id. Korean particles follow the new name. Speakers whose
    name cannot be replaced safely keep it (`find_speakers`); a row without any other has no copy.
    """
    renamed: list[RenamedRow] = []
    taken = {row.fname for row in rows}
    kept: Counter[str] = Counter()
    rows_without = 0
    for index, row in enumerate(rows):
        speakers, unclear = find_speakers(row.dialogue, row.summary)
        kept.update(unclear.values())
        used: set[str] = set()
        for copy in range(1, copies + 1):
            names = _choose_names(row, speakers, used, random.Random(f"{seed}/{index}/{copy}"))
            if not names:
                break
            used.update(names.values())
            fname = _free(f"{row.fname}_renamed", copy, taken)
            taken.add(fname)
            renamed.append(_renamed(index, replace(row, fname=fname), speakers, names))
        rows_without += not renamed or renamed[-1].source != index
    return Renaming(renamed, rows_without, kept)


def _choose_names(
    row: DialogueRow, speakers: Sequence[Speaker], used: set[str], source: random.Random
) -> dict[str, str]:
    """Return a new name for each speaker by label; empty where there are no more names."""
    text = f"{row.dialogue}\n{row.summary}"
    language: Language = "ko" if is_korean(text) else "en"
    names: dict[str, str] = {}
    for speaker in speakers:
        surname = speaker.kind == "surname"
        # `Mr. Lee` in a Korean dialogue stays a Latin name; `Maya` becomes a Korean one, whose particles are known.
        pool = (NEW_SURNAMES if surname else NEW_NAMES)["en" if surname and not is_korean(speaker.old) else language]
        free = [name for name in pool if name not in used and name not in names.values()]
        free = [name for name in free if not _occurs(name, surname, text)]
        if speaker.ending:
            free = [name for name in free if ending_of(name) == speaker.ending]
        if not free:
            return {}
        names[speaker.label] = source.choice(free)
    return names


def _occurs(name: str, is_surname: bool, text: str) -> bool:
    if is_surname and is_korean(name):
        return bool(re.search(rf"(?<![가-힣]){name}(?:[가-힣]{{2}})? ?(?:{'|'.join(KOREAN_TITLES)})", text))
    return name.lower() in text.lower()


def _free(stem: str, number: int, taken: Container[str]) -> str:
    """Return the first name from `number` on that no row has: the file may hold copies already."""
    return next(name for name in (f"{stem}{n}" for n in count(number)) if name not in taken)


def _renamed(index: int, row: DialogueRow, speakers: Sequence[Speaker], names: dict[str, str]) -> RenamedRow:
    dialogue = replace_names(row.dialogue, speakers, names)
    labels = dict(zip(speakers_of(row.dialogue), speakers_of(dialogue), strict=True))
    new = replace(row, dialogue=dialogue, summary=replace_names(row.summary, speakers, names))
    return RenamedRow(index, new, {old: now for old, now in labels.items() if old != now})


def replace_names(text: str, speakers: Sequence[Speaker], names: dict[str, str]) -> str:
    """Return a text in which each speaker is called by the name that `names` has under the speaker's label."""
    found = sorted(
        ((match, names[speaker.label]) for speaker in speakers for match in speaker.pattern.finditer(text)),
        key=lambda one: one[0].start(),
    )
    parts, end = [], 0
    for match, name in found:
        if match.start() < end:  # 김 of 김민수, when both are speakers
            continue
        has_particles = "rest" in match.re.groupindex and is_korean(name)
        parts += [text[end : match.start()], with_particles(name, match) if has_particles else name]
        end = match.end()
    return "".join([*parts, text[end:]])


def instruction_messages(row: DialogueRow, language: Language) -> list[list[ChatMessage]]:
    """Return a row as five conversations, one for each of the language's instructions.

    System message, sentence and dialogue are those of the chat format, as training with
    `data.instruction_augmentation` shows them.
    """
    texts = PROMPT_TEXTS[language]
    return [
        [
            {"role": "system", "content": texts.system},
            {"role": "user", "content": f"{sentence}\n{row.dialogue}"},
            {"role": "assistant", "content": row.summary},
        ]
        for sentence in (texts.chat_sentence, *texts.more_instructions)
    ]
