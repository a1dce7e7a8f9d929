"""The command line of `yoyak config`."""

from typing import Annotated

import typer

from .options import AsJson, Overrides

config_app = typer.Typer(help="Look at configs.", no_args_is_help=True)


@config_app.command("show")
def config_show(
    experiment: Annotated[str, typer.Argument()], overrides: Overrides = None, as_json: AsJson = False
) -> None:
    """Print the merged settings of an experiment and where each value comes from."""
    from .config import show_config

    show_config(experiment, overrides or [], as_json)


@config_app.command("list")
def config_list(as_json: AsJson = False) -> None:
    """List the configs that can be named."""
    from .config import list_configs

    list_configs(as_json)
