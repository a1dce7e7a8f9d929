"""Exports of chats and meetings that `yoyak summarize` is given, and what is said of them."""

from collections.abc import Sequence

from ..data.chats.exports import read_chat
from ..data.files.chat_rows import ChatRows, unread_advice
from ..data.prompt.plain_text import plain_text
from .speech import say_aside


def read_exports(texts: Sequence[str], name: str, dialogue_format: str = "auto", unit: str = "file") -> list[str]:
    """Return dialogues as prompts take them; say on standard error which were read as exports, and of which format.

    Messages call a text by `name`, which is empty for a single one, and by its number, which counts `unit`s.

    Raises:
        YoyakError: none of them is in the format that is named.
    """
    rows = ChatRows()
    dialogues = []
    for number, text in enumerate(texts, 1):
        chat = read_chat(plain_text(text), dialogue_format)
        dialogues.append(text if chat is None else chat.text)
        if chat is not None:
            rows.add(chat, number)
            if len(texts) == 1 and (chat.format or dialogue_format == "auto"):
                say_aside(
                    chat.sentence()
                    if chat.format
                    else f"looks like an export that is not read; {unread_advice(dialogue_format)}"
                )
    rows.refuse_other_format(name, dialogue_format)
    if len(texts) > 1:
        for note in rows.notes(unit, dialogue_format):
            say_aside(f"{name}: {note}")
    return dialogues
