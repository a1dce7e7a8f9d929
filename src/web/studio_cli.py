"""The command line of `yoyak studio`."""

from pathlib import Path
from typing import Annotated

import typer


def studio(
    runs: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("outputs"),
    port: Annotated[int, typer.Option(help="0 takes any that is free.")] = 8090,
    host: Annotated[str, typer.Option(help="Address to listen at; others can reach any but 127.0.0.1.")] = "127.0.0.1",
    name: Annotated[
        list[str] | None, typer.Option("--name", help="A name that the studio is reached by; can be given again.")
    ] = None,
    password: Annotated[
        bool,
        typer.Option("--password", help="Ask for the password that opens the pages; else YOYAK_STUDIO_PASSWORD."),
    ] = False,
    no_auth: Annotated[
        int, typer.Option("--no-auth", count=True, help="Let everyone in who reaches the address; say it twice.")
    ] = 0,
    show: Annotated[bool, typer.Option("--open", help="Open a browser too.")] = False,
) -> None:
    """Open pages on this machine to plan, start, watch and judge runs."""
    from .launch import run_studio
    from .open_address import Address

    run_studio(runs, Address(host, port, tuple(name or ()), password, no_auth), show)
