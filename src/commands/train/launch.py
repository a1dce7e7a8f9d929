"""`yoyak train --gpus`: starts a process on each GPU, each with the same command, and waits for them."""

import sys
from pathlib import Path
from typing import NoReturn

import typer

from ...errors import YoyakError
from ...ranks.cards import chosen_cards
from ..speech import said, speaks_korean
from .request import TrainRequest

_PACKAGE = __package__.split(".")[0]  # `src` in a checkout, else `yoyak`
_CHILD = "import sys; sys.argv[0] = {name!r}; sys.path[:0] = {paths!r}; from {package}.cli import main; main()"


def start_ranks(request: TrainRequest) -> None:
    """Start the processes that a request asks for, wait for them, and exit as they do.

    Returns where it is one process after all, which then is this one, on the GPU that is named.

    Raises:
        YoyakError: there are fewer GPUs, or it is the CPU's turn and there are GPUs.
        SystemExit: the processes have ended.
    """
    import os

    import torch

    cards = None
    if request.several.gpus is not None:
        cards = chosen_cards(request.several.gpus, torch.cuda.device_count())
    elif torch.cuda.is_available() and (request.several.processes or 1) > 1:
        raise YoyakError("--processes is for the CPU, and here are GPUs; train on them with --gpus all")
    count = len(cards) if cards is not None else request.several.processes or 1
    if count > 1:
        _run(request, count, cards)
    if cards is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = cards[0]


def _run(request: TrainRequest, count: int, cards: list[str] | None) -> NoReturn:
    from ...ranks.launcher import Launcher

    code, failure = Launcher(child_command(request), count, cards).run()
    if failure is not None:
        from ...redaction import redact

        if failure.trace:
            typer.echo(failure.trace, err=True, nl=False)
        typer.secho(redact(f"yoyak: {said(failure.sentence())}"), err=True, fg="red")
    raise SystemExit(code)


def child_command(request: TrainRequest) -> list[str]:
    """Return the command of each process: that of this one, by this Python and this package."""
    paths = [str(Path(__file__).resolve().parents[3])] if _PACKAGE == "src" else []
    code = _CHILD.format(name=Path(sys.argv[0]).name, paths=paths, package=_PACKAGE)
    flags = {
        "--use_instruction_augmentation": request.use_instruction_augmentation,
        "--debug": request.debug,
        "--overwrite": request.overwrite,
        "--force": request.force,
        "--resume": request.resume,
        "--debug-errors": "--debug-errors" in sys.argv,
        "--use_qlora": request.use_qlora is True,
        "--no-use_qlora": request.use_qlora is False,
    }
    given = ["--lang", "ko" if speaks_korean() else "en", "train", "--experiment", request.experiment]
    given += [flag for flag, wanted in flags.items() if wanted]
    given += (
        ["--gpus", request.several.gpus]
        if request.several.gpus is not None
        else ["--processes", str(request.several.processes)]
    )
    return [sys.executable, "-P", "-c", code, *given, *request.overrides]
