"""Which encoding a text has, by its bytes: UTF-8, CP949 where it is Korean by its letters, or the one that is named."""

import codecs
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ...errors import YoyakError
from .korean_letters import KoreanLetters
from .likely_encodings import WESTERN, likely_encodings

_CHUNK = 1 << 20
_HEAD_BYTES = 4096
_MIXED_BYTES = 16 << 20
_NEITHER = "not UTF-8, and no Korean in CP949"
_SAVE = "save the file as UTF-8, or name its encoding with data.encoding"
_FEWEST_LETTERS = 4  # that are no ASCII: fewer may be UTF-8 by chance, as `É»` is in Windows-1252
_DOCUMENTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"%PDF-")
"""What the files of Office, Hancom and others begin with, whatever their names say."""
_LONG_JAMO = b"\xa4\xd4"  # begins a syllable that KS X 1001 writes as jamo, in 8 bytes, which the codec cp949 leaves so


def detect_encoding(source: Path | bytes, name: str, named: str = "auto") -> str:
    """Return the codec of a text: `utf-8-sig` (UTF-8 with a byte order mark), `utf-8`, `cp949`, or the named one.

    CP949 is taken only for text that is Korean by its letters (`KoreanLetters`), because most bytes of Windows-1252,
    Shift-JIS or GBK can be decoded as CP949 too. `source` is a file or all bytes of a text, which messages call `name`;
    with another `named` (`data.encoding`) than `auto` only that is tried.

    Raises:
        YoyakError: with the place at which each encoding fails, counted in bytes from 0 and in lines from 1, or with
            the line that is not Korean; or UTF-8 under another name; or a document of a program that is no text.
    """

    def opened() -> BinaryIO:
        return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")

    with opened() as stream:
        head = stream.read(_HEAD_BYTES)
    if head.startswith(_DOCUMENTS):
        raise YoyakError(
            f"{name}: not text, but by its first bytes a document such as .xlsx, .docx, .hwp or .pdf; open it in its "
            "program and save it as CSV (UTF-8) or .txt"
        )
    has_mark = head.startswith(codecs.BOM_UTF8)
    if named != "auto":
        named = "utf-8-sig" if named == "utf-8" and has_mark else named
        if fault := _first_undecodable(opened, named):
            raise YoyakError(f"{name}: is not data.encoding={named}: {_described(named, fault)}; name another")
        if not named.startswith("utf-") and _is_utf8(opened):  # most codecs take it too, and make other letters of it
            said = f"is UTF-8, not data.encoding={named}; leave data.encoding out, or save all files in one encoding"
            raise YoyakError(f"{name}: {said}")
        return named
    _refuse_other_alphabets(head, name)
    fault = _first_undecodable(opened, "utf-8")
    if fault is None:
        return "utf-8-sig" if has_mark else "utf-8"
    faults = [_described("utf-8", fault)]
    if not has_mark:
        codec = "euc-kr" if any(_LONG_JAMO in line for line in _lines(opened)) else "cp949"
        korean = _first_undecodable(opened, codec)
        if korean is None:
            foreign_line = _foreign_line(opened, codec)
            if foreign_line is None:
                return codec
            _refuse_likely(opened, name, foreign_line)
            raise YoyakError(f"{name}:{foreign_line}: {_NEITHER}; mend the line, or {_SAVE}")
        faults.append(_described(codec, korean))
        _refuse_mixture(opened, name)
        _refuse_likely(opened, name, fault[1])
    raise YoyakError(f"{name}: cannot be decoded: {', '.join(faults)}; {_SAVE}")


def _described(encoding: str, fault: tuple[int, int]) -> str:
    return f"{encoding} fails at byte {fault[0]} (line {fault[1]})"


def _refuse_other_alphabets(head: bytes, name: str) -> None:
    """Raise YoyakError for UTF-16, which is no text of bytes, and for ISO-2022, which is all ASCII."""
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise YoyakError(f"{name}: UTF-16 text; save the file as UTF-8, or say data.encoding=utf-16")
    zeros = [head[first::2].count(0) for first in (0, 1)]  # of ASCII every second byte, of Hangul few
    if max(zeros) >= max(4, len(head) // 20, 4 * min(zeros)):
        codec = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
        raise YoyakError(f"{name}: UTF-16 text without a mark; save the file as UTF-8, or say data.encoding={codec}")
    if b"\x1b$" in head and head.isascii():
        raise YoyakError(f"{name}: ISO-2022 text (escape sequences); save the file as UTF-8")


def _foreign_line(opened: Callable[[], BinaryIO], codec: str) -> int | None:
    """Return a line that no Korean text has, where there is one."""
    letters = KoreanLetters()
    with io.TextIOWrapper(opened(), encoding=codec, newline="\n") as stream:
        while line := stream.readline(_CHUNK):
            letters.add(line)
    return letters.foreign_line


def _refuse_likely(opened: Callable[[], BinaryIO], name: str, line: int) -> None:
    """Raise YoyakError with the encodings that a text may have, where there are any."""
    found = likely_encodings(b"".join(_lines(opened)), lambda codec: _first_undecodable(opened, codec) is None)
    if not found:
        return
    if western := WESTERN.get(found[0]):
        raise YoyakError(
            f"{name}:{line}: {_NEITHER}, but perhaps {western} (curly quotes, accents); save the file as UTF-8, or say "
            f"data.encoding={found[0]}"
        )
    settings = ", ".join(f"data.encoding={codec}" for codec in found)
    raise YoyakError(f"{name}:{line}: {_NEITHER}; save the file as UTF-8, or try {settings}")


def _refuse_mixture(opened: Callable[[], BinaryIO], name: str) -> None:
    """Raise YoyakError for a text of which some lines are UTF-8 and all others CP949, such as two files in one."""
    first: dict[str, int] = {}
    for number, line in enumerate(_lines(opened), 1):
        if not line.isascii():
            codec = next((codec for codec in ("utf-8", "cp949") if _decodes(line, codec)), None)
            if codec is None:
                return
            first.setdefault(codec, number)
    if len(first) == 2:
        raise YoyakError(
            f"{name}: mixed encodings: line {first['utf-8']} is UTF-8, line {first['cp949']} is not; save its parts as "
            "UTF-8 before you join them"
        )


def _decodes(line: bytes, codec: str) -> bool:
    try:
        line.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _lines(opened: Callable[[], BinaryIO]) -> Iterator[bytes]:
    """Yield the lines of the first _MIXED_BYTES."""
    left = _MIXED_BYTES
    with opened() as stream:
        while left > 0 and (line := stream.readline(left)):
            left -= len(line)
            yield line


def _is_utf8(opened: Callable[[], BinaryIO]) -> bool:
    """Tell whether a text is UTF-8 and holds more letters that are no ASCII than could be so by chance."""
    if _first_undecodable(opened, "utf-8") is not None:
        return False
    letters = 0
    with io.TextIOWrapper(opened(), encoding="utf-8", newline="\n") as stream:
        while letters < _FEWEST_LETTERS and (part := stream.read(_CHUNK)):
            letters += sum(not letter.isascii() for letter in part)
    return letters >= _FEWEST_LETTERS


def _first_undecodable(opened: Callable[[], BinaryIO], encoding: str) -> tuple[int, int] | None:
    """Return the byte (from 0) and the line (from 1) at which a text can't be decoded."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line_end = "\n".encode(encoding.replace("utf-16", "utf-16-le") if encoding == "utf-16" else encoding)
    offset, line = 0, 1
    with opened() as stream:
        chunk = b"begin"
        while chunk:
            chunk = stream.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                kept_back = len(error.object) - len(chunk)  # the first bytes of a character that the chunk before cut
                before = error.object[: error.start]
                return offset - kept_back + error.start, line + before.count(line_end)
            except UnicodeError:  # UTF-16 or UTF-32 without the mark that tells its byte order
                return 0, 1
            offset += len(chunk)
            line += text.count("\n")
    return None
