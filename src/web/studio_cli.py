"""The command line of `yoyak studio`."""

from pathlib import Path
from typing import Annotated

import typer


def studio(
    runs: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("outputs"),
    port: Annotated[int, typer.Option(help="0 takes any that is free.")] = 8090,
    show: Annotated[bool, typer.Option("--open", help="Open a browser too.")] = False,
) -> None:
    """Open pages on this machine to plan, start, watch and judge runs."""
    from .launch import run_studio

    run_studio(runs, port, show)
