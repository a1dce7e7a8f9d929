"""What commands share: the console, quiet libraries, and the run's log."""

import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import YoyakError
from ..models.cpu_memory import ask_for_huge_pages
from ..models.gpu_memory import ask_for_growing_segments
from ..redaction import RedactingFormatter, redact
from ..runs.log_file import LogFile
from ..streams import Forgiving, has_characters_of
from ..visible import json_line, visible
from .last_resort import say_what_no_log_takes
from .speech import said_record, say_aside

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

ONLY_TO_FILES = {"only_to_files": True}
"""`extra` of a log call whose line the screen already has."""


def create_console(stderr: bool = False, forgiving: bool = False, quiet: bool = False) -> "Console":
    """Return a console; where it is no terminal, lines are not wrapped at 80 columns.

    A `forgiving` one loses what can't be written, and whoever writes goes on; a `quiet` one shows nothing.
    """
    from .screen import Screen

    stream = sys.stderr if stderr else sys.stdout
    if stream is None:  # closed by who started us
        return Screen(stderr=stderr, width=120)
    return Screen(
        stderr=stderr,
        quiet=quiet,
        file=Forgiving(getattr(stream, "stream", stream), the_run_goes_on) if forgiving else None,
        width=None if stream.isatty() else 120,
    )


def the_run_goes_on(reason: str) -> None:
    """Say on standard error that nobody reads the output, which ends no run."""
    say_aside(f"the output can't be written any more ({reason}); the run goes on")


def figures_table(title: str, *columns: str) -> "Table":
    """Return a table whose first column names its rows and whose others hold figures."""
    from rich.table import Table

    table = Table(columns[0], title=title, title_justify="left")
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def print_json(value: object) -> None:
    """Print a value as one line of JSON, in ASCII where the output has no other letters."""
    line = json_line(value)
    print(line if has_characters_of(sys.stdout, line) else json.dumps(value))


def print_text(text: str, end: str = "\n") -> None:
    """Print a text that others wrote: as it is into files and pipes, with control characters shown on a terminal.

    Raises:
        YoyakError: the output's encoding lacks some of its characters; they have been printed as escapes.
    """
    print(visible(text) if sys.stdout is not None and sys.stdout.isatty() else text, end=end)
    if not has_characters_of(sys.stdout, text):
        raise YoyakError(
            f"the output's encoding ({sys.stdout.encoding}) lacks characters, which were printed as escapes such as "
            "\\uac00; set PYTHONIOENCODING=utf-8 or pass --out FILE"
        )


def quiet_libraries() -> None:
    """Keep the libraries' bars, hints and warnings off the screen; warnings go to the run's log."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("BITSANDBYTES_NOWELCOME", "1")
    ask_for_huge_pages()
    ask_for_growing_segments()
    logging.captureWarnings(True)
    say_what_no_log_takes()
    warnings.simplefilter("default")
    logging.getLogger("py.warnings").addHandler(logging.NullHandler())
    logging.getLogger("py.warnings").propagate = False

    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # on some CPUs it asks for a package that isn't needed

    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


@contextmanager
def run_logger(paths: list[Path], console: "Console") -> Iterator[logging.Logger]:
    """Yield the logger of a run: lines to the console, lines with times (and warnings) to each of `paths`."""

    class ToConsole(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if getattr(record, "only_to_files", False):
                return
            style = "yellow" if record.levelno >= logging.WARNING else None
            console.print(redact(said_record(record)), style=style)

    logger, from_libraries = logging.getLogger("yoyak"), logging.getLogger("py.warnings")
    handlers: list[logging.Handler] = []
    for path in paths:
        handlers.append(LogFile(path))
        handlers[-1].setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(message)s"))
    on_screen = ToConsole()
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for handler in [*handlers, on_screen]:
        logger.addHandler(handler)
    for handler in handlers:
        from_libraries.addHandler(handler)
    try:
        yield logger
    finally:
        for handler in [*handlers, on_screen]:
            logger.removeHandler(handler)
            from_libraries.removeHandler(handler)
            handler.close()
