"""Which values of a row are its dialogue, summary, id and topic: by the settings, a known layout, or recognized."""

from typing import Any

from ...config.schema import DataSettings
from ..prompt.plain_text import plain_text
from ..prompt.turns import speakers_of
from .records import ASSISTANT_ROLES, USER_ROLES, conversation_columns, messages_of
from .turn_lists import NO_VALUE, NotTurnsError, names_inside, recognize, text_of_turns, turns_note, value_at


class RowColumns:
    """Finds the columns of a file's rows, one row after the other.

    A column is found by its name in `data.dialogue_column` and the like, with dots inside objects; else the row may be
    a conversation (`conversation_columns`); else, where the setting has its default, the first row decides whether
    exactly one value can be the dialogue, and one the summary (`recognize`).

    Attributes:
        names: the names of all columns seen, those inside objects with dots.
        found: which settings (`dialogue_column`, `summary_column`) were found in any row.
        note: what to say of a layout that was recognized or of turns that became lines; None where there is nothing.
        asked_again: rows with several messages of the user, of which the last one is taken as the dialogue.
    """

    def __init__(self, settings: DataSettings, need_summary: bool) -> None:
        self.names: dict[str, None] = {}
        self.found: set[str] = set()
        self.note: str | None = None
        self.asked_again = 0
        self._settings, self._need_summary = settings, need_summary
        self._recognized: tuple[str | None, str | None] | None = None

    def values(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the row's values under the names that the settings give; lists of turns are text.

        Raises:
            NotTurnsError: a value is a list, but not one of turns.
        """
        settings = self._settings
        self.names.update(dict.fromkeys(names_inside(row) if any(isinstance(v, dict) for v in row.values()) else row))
        names = (settings.dialogue_column, settings.summary_column, settings.id_column, settings.topic_column)
        found = {name: value for name in names if (value := value_at(row, name)) is not NO_VALUE}
        columns = names[:2]
        conversation = self._conversation(row, found) if columns[0] not in found else None
        if conversation is not None:
            found |= dict(zip(columns, conversation, strict=True))
        elif columns[0] not in found:
            columns = self._recognize(row, found)
        if names[0] in found:
            self.found.add("dialogue_column")
        if names[1] in found:
            self.found.add("summary_column")
        texts = self._texts(found, columns)
        if conversation is None:
            self._note(columns, found.get(names[0]), texts[names[0]])
        return found | texts

    def _texts(self, found: dict[str, Any], columns: tuple[str, str]) -> dict[str, Any]:
        """Return the dialogue and the summary as text; `columns` are their names in the file."""
        names = (self._settings.dialogue_column, self._settings.summary_column)
        texts = {}
        for name, column, is_dialogue in zip(names, columns, (True, False), strict=True):
            try:
                texts[name] = text_of_turns(found.get(name), is_dialogue)
            except NotTurnsError as error:
                raise NotTurnsError(f"column '{column}' holds {error}") from None
        return texts

    def _note(self, columns: tuple[str, str], value: Any, text: Any) -> None:
        """Keep what is to be said of the first row whose dialogue is not a text in the column that was named."""
        settings = self._settings
        is_clear = columns[0] == settings.dialogue_column and text is value
        if self.note is None and not is_clear and isinstance(text, str) and text:
            self.note = turns_note(columns[:1] if columns[1] == settings.summary_column else columns, text)

    def _conversation(self, row: dict[str, Any], found: dict[str, Any]) -> tuple[Any, Any] | None:
        pair = conversation_columns(row)
        if pair is None:
            return None
        turns = messages_of(row) or ()
        roles = [role for turn in turns if isinstance(role := turn.get("role", turn.get("from")), str)]
        asked, answered = (sum(role in those for role in roles) for those in (USER_ROLES, ASSISTANT_ROLES))
        if not asked:  # of people with other roles, or none
            return None if set(roles) - ASSISTANT_ROLES - {"system"} else pair
        summary = found.get(self._settings.summary_column)
        if isinstance(summary, str) and summary.strip():
            if not answered and asked == 1:
                return pair[0], summary
            # Messages beside a summary of their own are the dialogue itself, but for one that holds a dialogue.
            if summary.strip() != _plain(pair[1]) and (asked > 1 or len(speakers_of(_plain(pair[0]))) < 2):
                return turns, summary
        self.asked_again += asked > 1
        return pair

    def _recognize(self, row: dict[str, Any], found: dict[str, Any]) -> tuple[str, str]:
        """Add the values of the columns that the first row made clear; return their names in the file."""
        settings, defaults = self._settings, DataSettings.model_fields
        names = (settings.dialogue_column, settings.summary_column)
        if self._recognized is None:
            is_default = settings.dialogue_column == defaults["dialogue_column"].default
            self._recognized = recognize(row) if is_default else (None, None)
        dialogue, summary = self._recognized
        if dialogue is None:
            return names
        if names[1] in found:
            summary = names[1]
        elif summary is None or settings.summary_column != defaults["summary_column"].default:
            if self._need_summary:
                return names
            summary = names[1]
        for name, column in zip(names, (dialogue, summary), strict=True):
            if name not in found and (value := value_at(row, column)) is not NO_VALUE:
                found[name] = value
        return dialogue, summary


def _plain(content: Any) -> str:
    """Return a message's content, a text or parts of one, as prompts take it; empty where it is neither."""
    try:
        text = text_of_turns(content, is_dialogue=False)
    except NotTurnsError:
        return ""
    return plain_text(text) if isinstance(text, str) else ""
