"""Files of text that hold one dialogue each: what `yoyak summarize` is given, exports of chats and meetings."""

import os
import stat
from pathlib import Path

from ...config.schema import DataSettings
from ...errors import YoyakError
from ..chats.exports import read_chat
from ..chats.tables import table_format
from ..prompt.plain_text import plain_lines, plain_text
from .encodings import detect_encoding
from .records import LONGEST_ROW_CHARS
from .sources import DialogueRow, DialogueTable

TEXT_SUFFIXES = (".txt", ".vtt", ".srt")


def holds_one_dialogue(path: Path) -> bool:
    """Return whether a file is a text, not a table of dialogues; a table of messages (KakaoTalk, Discord) is a text.

    A named pipe is neither: to look into it would wait for who writes it, and take what is there.
    """
    if not os.path.isfile(path):
        return False
    if path.suffix.lower() != ".csv":
        return path.suffix.lower() in TEXT_SUFFIXES
    try:
        with path.open("rb") as stream:
            head = stream.readline(200)
    except OSError:  # said in its own words where it is read
        return False
    return table_format(head.decode("utf-8", "replace").rstrip("\r\n")) is not None


def read_one_dialogue(source: str, settings: DataSettings) -> DialogueTable:
    """Return a file of text as a table of its one dialogue, without a summary.

    Raises:
        YoyakError: as `dialogue_of`, or it holds no message of the format that `data.dialogue_format` names.
    """
    path = Path(os.path.expanduser(source))
    text = plain_text(dialogue_of(path, settings.encoding))
    table = DialogueTable(source, detect_encoding(path, source, settings.encoding))
    chat = read_chat(text, settings.dialogue_format)
    if chat is not None:
        table.chats.add(chat, 1)
    table.chats.refuse_other_format(source, settings.dialogue_format)
    table.rows.append(DialogueRow(path.name, text if chat is None else chat.text, ""))
    return table


def dialogue_of(path: Path, encoding: str = "auto") -> str:
    """Return the text of a file, or of a pipe such as `/dev/stdin`."""
    try:
        with path.open("rb") as stream:
            regular = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
            if regular and path.stat().st_size > 4 * LONGEST_ROW_CHARS:  # a character has 4 bytes at most
                raise too_long_text(str(path))
            return decoded_text(stream.read(4 * LONGEST_ROW_CHARS + 1), str(path), encoding)
    except OSError as error:
        raise YoyakError(f"{path}: cannot be read ({error.strerror or type(error).__name__})") from None


def decoded_text(content: bytes, name: str, encoding: str) -> str:
    """Return a dialogue as it is, or raise where there is none, or something else."""
    if len(content) > 4 * LONGEST_ROW_CHARS:
        raise too_long_text(name)
    codec = detect_encoding(content, name, encoding)
    dialogue = plain_lines(content.decode(codec))
    if not dialogue.strip():
        raise YoyakError(f"{name}: the dialogue is empty")
    if len(dialogue) > LONGEST_ROW_CHARS:
        raise too_long_text(name)
    if "\0" in dialogue:
        raise YoyakError(f"{name}: NUL characters; save the file as UTF-8 text")
    return dialogue


def too_long_text(name: str) -> YoyakError:
    """Return the error for a text with more than LONGEST_ROW_CHARS characters."""
    return YoyakError(f"{name}: more than {LONGEST_ROW_CHARS:,} characters; one file holds one dialogue")
