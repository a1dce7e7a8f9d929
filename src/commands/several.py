"""`--gpus` and `--processes` of a command: start a process on each GPU, with the same command, and wait."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import typer

from ..errors import YoyakError
from ..ranks.cards import chosen_cards
from .speech import said, speaks_korean

_PACKAGE = __package__.split(".")[0]  # `src` in a checkout, else `yoyak`
_CHILD = "import sys; sys.argv[0] = {name!r}; sys.path[:0] = {paths!r}; from {package}.cli import main; main()"


@dataclass(frozen=True)
class Several:
    """On how many GPUs or with how many processes of the CPU to work; on one where both are None.

    Attributes:
        gpus: `all`, a number of them, or a list such as `0,2`.
        processes: on the CPU.
    """

    gpus: str | None = None
    processes: int | None = None

    def __post_init__(self) -> None:
        """Raise YoyakError where both are asked for."""
        if self.gpus is not None and self.processes is not None:
            raise YoyakError("--gpus starts a process on each GPU and --processes some on the CPU; leave one out")

    def __bool__(self) -> bool:
        """Tell whether anything is asked for."""
        return self != ONE


ONE = Several()


def start_ranks(several: Several, arguments: Sequence[str]) -> None:
    """Start the processes that are asked for, wait for them, and exit as they do.

    Returns where it is one process after all, which then is this one, on the GPU that is named.

    Args:
        several: on what, and how many.
        arguments: of each process's command, its name first, but for these.

    Raises:
        YoyakError: there are fewer GPUs, or it is the CPU's turn and there are GPUs.
        SystemExit: the processes have ended.
    """
    import os

    import torch

    cards = None
    if several.gpus is not None:
        cards = chosen_cards(several.gpus, torch.cuda.device_count())
    elif torch.cuda.is_available() and (several.processes or 1) > 1:
        raise YoyakError("--processes is for the CPU, and here are GPUs; use them with --gpus all")
    count = len(cards) if cards is not None else several.processes or 1
    if count > 1:
        _run(child_command(several, arguments), count, cards)
    if cards is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = cards[0]


def _run(command: list[str], count: int, cards: list[str] | None) -> NoReturn:
    from ..ranks.launcher import Launcher

    code, failure = Launcher(command, count, cards).run()
    if failure is not None:
        from ..redaction import redact

        if failure.trace:
            typer.echo(failure.trace, err=True, nl=False)
        typer.secho(redact(f"yoyak: {said(failure.sentence())}"), err=True, fg="red")
    raise SystemExit(code)


def child_command(several: Several, arguments: Sequence[str]) -> list[str]:
    """Return the command of each process: this one's, by this Python and this package."""
    paths = [str(Path(__file__).resolve().parents[2])] if _PACKAGE == "src" else []
    code = _CHILD.format(name=Path(sys.argv[0]).name, paths=paths, package=_PACKAGE)
    given = ["--lang", "ko" if speaks_korean() else "en", arguments[0]]
    given += ["--debug-errors"] if "--debug-errors" in sys.argv else []
    given += ["--gpus", several.gpus] if several.gpus is not None else ["--processes", str(several.processes)]
    return [sys.executable, "-P", "-c", code, *given, *arguments[1:]]
