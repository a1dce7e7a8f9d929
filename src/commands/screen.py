"""The terminal as commands write to it: texts as they are, never as markup, and nothing in them steers it."""

import os
import sys
from collections.abc import Iterable
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from ..visible import visible


class Screen(Console):
    """A console on which texts of data, configs and models stay text."""

    def __init__(self, **options: Any) -> None:
        """Take rich's options."""
        super().__init__(markup=False, highlight=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """As rich, control characters shown before anything is measured."""
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As rich, for texts that come styled."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)

    def on_broken_pipe(self) -> None:
        """Lose what comes after a reader has gone (`| head`); what the command does goes on."""
        self.quiet = True
        _discard(self.file)


class Forgiving:
    """A stream that loses what can't be written: what is only shown can't end a run."""

    def __init__(self, stream: IO[str]) -> None:
        """Write to `stream` as long as it takes anything."""
        self._stream, self._lost = stream, False

    def write(self, text: str) -> int:
        """Write, or lose the text."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush, or lose what is left."""
        self._try(self._stream.flush)

    def _try(self, work: Any) -> None:
        if self._lost:
            return
        try:
            work()
        except BrokenPipeError:
            self._lose()
        except (OSError, ValueError) as error:
            self._lose()
            reason = getattr(error, "strerror", None) or error
            print(f"yoyak: the output can't be written any more ({reason}); the run goes on", file=sys.stderr)

    def _lose(self) -> None:
        self._lost = True
        _discard(self._stream)

    def __getattr__(self, name: str) -> Any:
        """Be the stream in all else."""
        return getattr(self._stream, name)


def _discard(stream: IO[str]) -> None:
    """Let a stream's writes go nowhere: Python, at its end, would try what is left again and fail."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
