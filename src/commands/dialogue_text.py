"""What `yoyak summarize` is given: a dialogue, or the name of a file or folder, which may not be there."""

import os
import re
import sys
from pathlib import Path

from ..data.files.records import LONGEST_ROW_CHARS
from ..data.files.text_files import decoded_text, dialogue_of
from ..data.prompt.plain_text import plain_lines
from ..data.prompt.turns import LABEL
from ..errors import YoyakError, nearest
from ..text_forms import existing_path

DOCUMENTS = {
    "doc", "docm", "docx", "dot", "dotx", "epub", "gz", "hwp", "hwpx", "key", "m4a", "mp3", "mp4", "numbers",
    "odp", "ods", "odt", "pages", "pdf", "ppt", "pptx", "rtf", "tar", "wav", "xls", "xlsb", "xlsm", "xlsx",
    "zip", "7z",
}  # fmt: skip
"""Suffixes of files that are no text."""
_TEXTS = {
    "csv", "tsv", "json", "jsonl", "ndjson", "parquet", "arrow", "feather", "txt", "text", "md", "rst", "log",
    "htm", "html", "xml", "yaml", "yml", "srt", "vtt", "tab", "dat", "sql", "db", "toml", "ini", "tex", "eml",
}  # fmt: skip
_SUFFIX = re.compile(r"\.([^\W_][\w-]{0,7})\Z")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://\S+\Z")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_MOST_WORDS = 4  # of a name with a slash and without a suffix
_LONGEST_NAME = 1000


def as_path(text: str) -> Path | None:
    """Return the file or folder that a text names, None where the text is a dialogue or `-`.

    Raises:
        YoyakError: the text looks like a path and names nothing, or names a document that is no text.
    """
    if "\n" in text or len(text) >= _LONGEST_NAME or not text.strip() or text == "-":
        return None
    name = str(existing_path(Path(os.path.expanduser(text))))
    # Not Path.exists, which raises for a text that is too long for a name.
    if os.path.exists(name):
        _refuse_document(Path(name), text)
        return Path(name)
    if looks_like_path(text):
        if _ADDRESS.match(text):
            raise YoyakError(f"{text}: an address; download the file and name its path")
        raise YoyakError(f"{text}: no such file{_neighbour(Path(name))}; a dialogue has speakers, such as 'A: hello'")
    return None


def looks_like_path(text: str) -> bool:
    """Return whether a text is a file's or folder's name rather than a dialogue.

    A name has a suffix, or a slash and few words, or its first folder exists; what begins with a speaker (`A: see
    notes/may.csv`) or has a line end, also a written `\\n`, is a dialogue.
    """
    text = text.strip()
    if _ADDRESS.match(text) or _DRIVE.match(text):
        return True
    if "\n" in text or "\\n" in text or LABEL.match(text):
        return False
    suffix = _SUFFIX.search(text)
    words = len(text.split())
    if suffix and (words == 1 or suffix[1].lower() in _TEXTS | DOCUMENTS):
        return True
    folder, slash, _ = text.replace("\\", "/").partition("/")
    if not slash:
        return False
    return words <= _MOST_WORDS or text.endswith(("/", "\\")) or folder in ("", ".", "..", "~") or os.path.isdir(folder)


def read_dialogue(text: str, encoding: str = "auto") -> str:
    r"""Return the dialogue that `text` is, or that the file of that name or standard input (`-`) holds.

    A `\n` that is written in the text is a line end; the file or standard input is in `encoding` (`data.encoding`).

    Raises:
        YoyakError: as `as_path`; or the dialogue is empty, too long, or can't be decoded.
    """
    path = as_path(text)
    if path is not None:
        return dialogue_of(path, encoding)
    if text == "-":
        return _read_standard_input(encoding)
    dialogue = plain_lines(text.replace("\\n", "\n"))
    if not dialogue.strip():
        raise YoyakError("the dialogue is empty")
    return dialogue


def _read_standard_input(encoding: str) -> str:
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:  # put in its place by a program that has text
        return decoded_text(sys.stdin.read(4 * LONGEST_ROW_CHARS + 1).encode("utf-8", "replace"), "-", "auto")
    return decoded_text(stream.read(4 * LONGEST_ROW_CHARS + 1), "-", encoding)


def _refuse_document(path: Path, text: str) -> None:
    suffix = path.suffix[1:].lower()
    if suffix in DOCUMENTS and path.is_file():
        advice = (
            "save the sheet as CSV (UTF-8)" if suffix in {"xls", "xlsx", "xlsm", "xlsb", "ods"} else "save it as .txt"
        )
        raise YoyakError(f"{text}: cannot read .{suffix} files; {advice}")


def _neighbour(path: Path) -> str:
    try:
        return nearest(path.name, [child.name for child in path.parent.iterdir()])
    except OSError:
        return ""
