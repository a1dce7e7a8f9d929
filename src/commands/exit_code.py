"""A command's exit code, and the line that says what went wrong."""

from collections.abc import Callable
from typing import Any

import typer

from ..errors import YoyakError
from .speech import said


def exit_code(command: Callable[[], Any], show_traceback: bool) -> int | str | None:
    """Run a command; return 2 for what the user can mend, 130 for Ctrl-C, 1 for our faults, else what it exits with."""
    try:
        command()
    except SystemExit as stop:
        return stop.code
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        from ..redaction import redact, traceback_of

        if show_traceback:
            typer.echo(traceback_of(error), err=True, nl=False)
            return 1
        if isinstance(error, YoyakError):
            typer.secho(redact(f"yoyak: {said(str(error))}"), err=True, fg="red")
            return 2
        fault = redact(f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}")
        typer.secho(said(f"yoyak: unexpected {fault}; --debug-errors shows where"), err=True, fg="red")
        return 1
    return 0
