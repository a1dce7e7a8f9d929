"""Dialogues that are lists of turns, and columns inside objects, as corpora have them, as `speaker: text` lines."""

import ast
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .usual_names import DIALOGUE_NAMES, SUMMARY_NAMES, TURN_NAMES, usual_in

SPEAKER_KEYS = (
    "speaker", "speaker_id", "speakerId", "speakerID", "speaker_name", "participantID", "participant_id", "participant",
    "name", "author", "user", "role", "from", "sender", "화자",
)  # fmt: skip
TEXT_KEYS = (
    "utterance", "text", "content", "value", "form", "sentence", "message", "msg", "norm_text", "original_form", "발화",
)  # fmt: skip
NO_VALUE: Any = object()

_DEEPEST = 4
_MOST_PARTS = 200_000  # of a list that is written in a cell: as Python objects, lists take many times their text
_MOST_NAMES = 100
_LONGEST_PYTHON = 1 << 20


class NotTurnsError(Exception):
    """A value is neither text nor a list of turns; the message says what it is."""


def value_at(values: Mapping[str, Any], column: str) -> Any:
    """Return the value of a column, which may be inside objects (`body.dialogue`); NO_VALUE where there is none."""
    if column in values:
        return values[column]
    inside: Any = values
    for name in column.split(".") if "." in column else [column]:
        if not isinstance(inside, Mapping) or name not in inside:
            return NO_VALUE
        inside = inside[name]
    return inside


def names_inside(values: Mapping[str, Any]) -> list[str]:
    """Return the names of columns, those inside objects with dots."""
    names: list[str] = []
    for path, _ in _leaves(values):
        names.append(path)
        if len(names) > _MOST_NAMES:
            return list(values)
    return names


def has_turns(value: Any) -> bool:
    """Return whether a value is a list of turns with speakers: each has a text, and one at least a speaker."""
    turns = _as_list(value)
    if not turns or not all(isinstance(turn, Mapping) for turn in turns):
        return False
    return all(_text_key(turn) for turn in turns) and any(_speaker(turn) for turn in turns)


def text_of_turns(value: Any, is_dialogue: bool) -> Any:
    """Return the text of content parts, and of a dialogue's list of turns or texts; any other value as it is.

    A turn is a line, `speaker: text`, or only its text where it names no speaker; a line end in it becomes a space. A
    number for a speaker is written `P1`. A dialogue may also be the JSON of such a list (a cell of CSV), or what Python
    prints for it.

    Raises:
        NotTurnsError: a list that is none of these.
    """
    if is_dialogue and isinstance(value, str):
        value = _written_list(value)
    turns = _as_list(value)
    if turns is None:
        return value
    if all(isinstance(part, Mapping) and "type" in part and not _speaker(part) for part in turns) and turns:
        return "".join(map(_part, turns))
    if not is_dialogue:
        raise NotTurnsError("a list")
    return "\n".join(filter(None, map(_line, turns)))


def recognize(values: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the columns of a row's dialogue and summary where exactly one can be each, with dots inside objects.

    The dialogue is a list of turns with speakers, or a list of texts or a text inside an object that has a usual name;
    the summary is a text with a usual name.
    """
    turns: list[str] = []
    texts: list[str] = []
    named: list[str] = []
    for path, value in _leaves(values):
        name = path.rpartition(".")[2].lower()
        if has_turns(value):
            turns.append(path)
        elif isinstance(value, list):
            texts += [path] if name in DIALOGUE_NAMES | TURN_NAMES else []
        elif isinstance(value, str):
            (texts if name in DIALOGUE_NAMES and "." in path else named).append(path)
    dialogues, summaries = turns or texts, usual_in(named, SUMMARY_NAMES)
    return (dialogues[0] if len(dialogues) == 1 else None, summaries[0] if len(summaries) == 1 else None)


def is_row(value: Mapping[str, Any]) -> bool:
    """Return whether an object is one dialogue with its turns, not a list of rows."""
    dialogue, summary = recognize(value)
    if dialogue is None or not has_turns(value_at(value, dialogue)):
        return False
    return summary is not None or dialogue.rpartition(".")[2].lower() in DIALOGUE_NAMES | TURN_NAMES


def _leaves(values: Mapping[str, Any], before: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        inside = isinstance(value, Mapping) and value and depth < _DEEPEST and _as_list(value) is None
        if inside:
            yield from _leaves(value, f"{before}{name}.", depth + 1)
        else:
            yield f"{before}{name}", value


def _as_list(value: Any) -> list[Any] | None:
    """Return a list, or the turns of an object of lists of equal length (`{"speaker": [...], "utterance": [...]}`)."""
    if isinstance(value, list):
        return value
    if isinstance(value, str) or not isinstance(value, Mapping) or not set(value) & set(TEXT_KEYS):
        return None
    columns = {name: column for name, column in value.items() if isinstance(column, list)}
    if len(columns) < 2 or len(columns) < len(value) or len(set(map(len, columns.values()))) != 1:
        return None
    return [dict(zip(columns, turn, strict=True)) for turn in zip(*columns.values(), strict=True)]


def _line(turn: Any) -> str:
    if isinstance(turn, str):
        return " ".join(turn.splitlines()).strip()
    if not isinstance(turn, Mapping):
        raise NotTurnsError(f"a list with a {type(turn).__name__} in it")
    key = _text_key(turn)
    if key is None:
        names = ", ".join(list(turn)[:5])
        raise NotTurnsError(f"a list of objects without a usual key for a turn's text ({names})")
    text = turn[key]
    if isinstance(text, list):
        text = text_of_turns(text, is_dialogue=False)
    if text is not None and not isinstance(text, str):
        raise NotTurnsError(f"a turn whose '{key}' is a {type(text).__name__}")
    text = " ".join((text or "").splitlines()).strip()
    speaker = _speaker(turn)
    return f"{speaker}: {text}" if speaker and text else text


def _text_key(turn: Mapping[str, Any]) -> str | None:
    """Return the first key of a text, the first that holds one: columns of Parquet have all keys of all turns."""
    there = [key for key in TEXT_KEYS if isinstance(turn.get(key, NO_VALUE), str | list | None)]
    return next((key for key in there if turn[key]), there[0] if there else None)


def _speaker(turn: Mapping[str, Any]) -> str:
    for key in SPEAKER_KEYS:
        value = turn.get(key)
        if isinstance(value, Mapping):
            filled = (value[inner] for inner in ("name", "id", *SPEAKER_KEYS) if value.get(inner) not in (None, ""))
            value = next(filled, None)
        if isinstance(value, float) and value.is_integer():  # a column of pandas in which one was missing
            value = int(value)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            name = " ".join(str(value).split()).rstrip(":\uff1a")
            return f"P{name}" if name.isdecimal() else name  # a number before a colon would be a time of day
    return ""


def _part(part: Mapping[str, Any]) -> str:
    text = part.get("text")
    if part.get("type") not in ("text", "input_text", "output_text") or not isinstance(text, str):
        raise NotTurnsError(f"a part of type {str(part.get('type'))[:40]!r}")
    return text


def _written_list(text: str) -> Any:
    """Return the list that a text writes as JSON or as Python does, where its elements are objects or texts."""
    inner = text.strip()
    if not (inner[:1] == "[" and inner[-1:] == "]" and inner[1:-1].strip()[:1] in ("{", '"', "'")):
        return text
    if inner.count("{") + inner.count("[") > _MOST_PARTS:
        raise NotTurnsError(f"a list with more than {_MOST_PARTS:,} parts")
    try:
        return json.loads(inner)
    except (ValueError, RecursionError):
        pass
    try:
        with warnings.catch_warnings():  # of odd literals, which are of no use to who reads a file
            warnings.simplefilter("ignore", SyntaxWarning)
            found = ast.literal_eval(inner) if len(inner) <= _LONGEST_PYTHON else None
        # Python's objects hold more than JSON's (bytes as keys, a set, a number of 10,000 digits): those are no turns
        found = json.loads(json.dumps(found))
    except (TypeError, ValueError, SyntaxError, RecursionError, MemoryError):
        found = None
    if isinstance(found, list):
        return found
    if inner[1:-1].strip()[:1] == "{":
        raise NotTurnsError("a list of objects that is no JSON")
    return text


def turns_note(columns: Sequence[str], dialogue: str) -> str:
    """Return what is said of a file whose dialogues are lists of turns or inside objects."""
    first = dialogue.split("\n", 1)[0]
    shown = first if len(first) <= 60 else f"{first[:60]}..."
    of_summary = f", summaries from {columns[1]}" if len(columns) > 1 else ""
    return f"dialogues are read from {columns[0]}, a line a turn, such as {shown!r}{of_summary}"
