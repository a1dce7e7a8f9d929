"""Rows of data that try to speak in control tokens, and the check that they don't."""

import json
import unicodedata
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PLACES = ("dialogue", "summary", "speaker", "topic", "border")
FORMS = ("plain", "full-width", "zero-width", "spaced", "doubled")
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
FAST_CASES, ALL_CASES = 60, 10_000


@dataclass(frozen=True)
class HostileRow:
    """A dialogue with its summary and topic; somewhere in it, in some form, stands a control token."""

    dialogue: str
    summary: str
    topic: str = "talk"


def disguised(token: str, form: str, place: int = 1, joint: str = "\u200b") -> str:
    """Return a token in another form; `place` is where zero-width characters go in."""
    place = 1 + place % (len(token) - 1)
    if form == "full-width":
        return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in token)
    if form == "zero-width":
        return token[:place] + joint + token[place:]
    if form == "spaced":
        return f" {token}\n"
    return token[:place] + token + token[place:] if form == "doubled" else token


def row_with(token: str, place: str, cut: int = 1, before: str = "안녕", after: str = "go") -> HostileRow:
    """Return a row with `token` (disguised or not) in one place; `border` splits it between a name and its words."""
    benign = f"Ann: {before}\n민수: {after}"
    if place == "dialogue":
        return HostileRow(f"Ann: {before}{token}{after}\n민수: {token}", "They talk.")
    if place == "summary":
        return HostileRow(benign, f"{token}They {token} talk.{token}")
    if place == "speaker":
        return HostileRow(f"{token}: {before}\n#{token}#: {after}", "They talk.")
    if place == "topic":
        return HostileRow(benign, "They talk.", token)
    cut = 1 + cut % (len(token) - 1)
    head, tail = token[:cut], token[cut:]
    # At the border of name and words, of two turns, and of the dialogue and the template's own text on both sides.
    return HostileRow(f"{tail}{head}:{tail}\n{head}: {tail}{head}\n{tail}{head}", f"{tail} talk {head}")


def hostile_rows(tokens: list[str]) -> st.SearchStrategy[HostileRow]:
    """Return a strategy of rows for these control tokens."""
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
    number = st.integers(0, 40)
    token = st.builds(
        disguised, st.sampled_from(tokens), st.sampled_from(FORMS), number, st.sampled_from(list(_ZERO_WIDTH))
    )
    several = st.lists(token, min_size=1, max_size=3).map("".join)
    return st.builds(row_with, several, st.sampled_from(PLACES), number, text, text)


def drawn(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """Return `count` cases of a strategy, for what handles many at once."""
    cases: list[Any] = []

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(case: Any) -> None:
        cases.append(case)

    collect()
    return cases


def control_ids(tokenizer: Any) -> frozenset[int]:
    """Return the ids of all special and added tokens, but for those that the model's vocabulary has as text."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    vocabulary = state["model"]["vocab"]
    learnt = set(vocabulary) if isinstance(vocabulary, dict) else {piece for piece, _ in vocabulary}
    text = {token["id"] for token in state["added_tokens"] if not token["special"] and token["content"] in learnt}
    return frozenset(tokenizer.get_added_vocab().values()) - text | frozenset(tokenizer.all_special_ids)


def controls_of(ids: list[int], controls: frozenset[int]) -> list[int]:
    """Return the control ids among `ids`, in their order."""
    return [token for token in ids if token in controls]


def same_text(tokenizer: Any, ids: list[int], text: str) -> bool:
    """Tell whether ids are that text, character for character (all tokenizers keep all of it; Qwen's makes it NFC).

    Those of sentencepiece write a space as `▁`, which is one in a text as well, and may put one before it.
    """
    decoded = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    if tokenizer.unk_token:  # not of the byte-level ones
        decoded, text = decoded.strip(), text.replace("▁", " ").strip()
    return unicodedata.normalize("NFC", decoded) == unicodedata.normalize("NFC", text)


def report(family: str, surface: str, cases: int) -> None:
    """Print what was tried, as a line for `make control-tokens`."""
    print("\n" + json.dumps({"family": family, "surface": surface, "cases": cases, "stray_control_ids": 0}))
