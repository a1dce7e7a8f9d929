"""The bar of summaries that are being generated."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..bilingual import count
from .speech import said

if TYPE_CHECKING:
    from rich.console import Console


@contextmanager
def progress(console: "Console", title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that moves a bar on by a number of summaries, with their rate and the time left beside it.

    A line at the end says how long it took.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{{task.fields[rate]}} {said('summaries/s  left')}"),
        TimeRemainingColumn(),
    )
    start, done = time.perf_counter(), 0
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(said(title), total=total, rate="-")

        def advance(more: int) -> None:
            nonlocal done
            done += more
            bar.update(task, advance=more, rate=f"{done / (time.perf_counter() - start):.2f}")

        yield advance
    seconds = time.perf_counter() - start
    console.print(
        f"{count(done, 'summary', 'summaries')} in {seconds:.0f} s, {done / seconds:.2f} summaries/s", style="dim"
    )
