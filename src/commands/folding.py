"""A terminal on which tables lose no letter, for what commands print and for the help."""

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment


class Folding(Console):
    """A console whose tables lose no letter.

    Rich counts characters where it takes the space off a line that is full, not the cells that they fill: by its
    columns' default a line of Hangul that fits exactly ends with ... in place of its last syllables.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As rich, with words that are longer than their column on several lines."""
        if options is not None and options.overflow == "ellipsis" and not options.no_wrap:
            options = options.update(overflow="fold")
        return super().render(renderable, options)
