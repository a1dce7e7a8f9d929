"""Standard streams that a full disk, a reader who has gone or a closed descriptor can't turn against a command."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any


class Forgiving:
    """A stream that loses what can't be written: what is only shown can't end a command.

    Attributes:
        stream: what is written to.
        reason: why it takes nothing any more; None where it does, or where its reader has gone (`| head`).
    """

    def __init__(self, stream: IO[str], on_loss: Callable[[str], None] | None = None) -> None:
        """Write to `stream` as long as it takes anything; `on_loss` is told the reason, once."""
        self.stream, self.reason = stream, None
        self._on_loss, self._lost = on_loss, False

    reason: str | None

    def write(self, text: str) -> int:
        """Write, or lose the text."""
        if not isinstance(text, str):
            raise TypeError("a stream of text")  # click asks so
        self._try(lambda: self.stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush, or lose what is left."""
        self._try(self.stream.flush)

    def _try(self, work: Callable[[], Any]) -> None:
        if self._lost:
            return
        try:
            work()
        except BrokenPipeError:
            self._lose()
        except (OSError, ValueError) as error:
            self._lose()
            self.reason = str(getattr(error, "strerror", None) or error)
            if self._on_loss is not None:
                self._on_loss(self.reason)

    def _lose(self) -> None:
        self._lost = True
        discard(self.stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def forgiving_streams() -> Iterator[Forgiving]:
    """Put forgiving streams in place of the standard ones, and yield the output.

    Characters that the output's encoding lacks become escapes. A descriptor that was closed by who started us leads
    nowhere: else the next file that is opened would take its number, and get what libraries print.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # has the lowest number that is free
    before = sys.stdin, sys.stdout, sys.stderr
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  (as long as the process)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # put in its place by a program
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    output = Forgiving(sys.stdout or _nowhere())
    sys.stdout, sys.stderr = output, Forgiving(sys.stderr or _nowhere())
    try:
        yield output
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


def has_characters_of(stream: Any, text: str) -> bool:
    """Return whether a stream's encoding has all characters of a text; lone surrogates, which none has, don't count."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding, "strict" if not encoding.lower().startswith("utf") else "surrogatepass")
    except UnicodeEncodeError:
        return False
    return True


def discard(stream: IO[str]) -> None:
    """Let a stream's writes go nowhere: Python, at its end, would try what is left again and fail."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def _nowhere() -> IO[str]:
    return open(os.devnull, "w", encoding="utf-8")
