"""The terminal as commands write to it: texts as they are, never as markup, and nothing in them steers it."""

from collections.abc import Iterable
from typing import Any

from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from ..streams import discard
from ..visible import visible
from .folding import Folding
from .speech import said


class Screen(Folding):
    """A console on which texts of data, configs and models stay text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, highlight=False, emoji=False, **options)

    def print(self, *objects: Any, soft_wrap: bool | None = None, **options: Any) -> None:
        """As rich, but text is never wrapped here: a sentence stays one line in files and pipes."""
        whole = all(isinstance(item, str) for item in objects) if soft_wrap is None else soft_wrap
        super().print(*objects, soft_wrap=whole, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """As rich, in the language that is spoken; control characters are shown before anything is measured."""
        return super().render_str(visible(said(text)), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As rich; what is printed shows control characters too where it comes styled."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)

    def on_broken_pipe(self) -> None:
        """Lose what comes after a reader has gone (`| head`); what the command does goes on."""
        self.quiet = True
        discard(self.file)
