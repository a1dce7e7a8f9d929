"""The command line of `yoyak search`."""

from typing import Annotated

import typer

from .options import AsJson, Experiment, Overrides


def search(
    experiment: Experiment,
    deadline: Annotated[str, typer.Option(help="How long it may run, such as 20m, 3h or 1h30m.")],
    overrides: Overrides = None,
    storage: Annotated[
        str | None, typer.Option(help="URL of an Optuna storage; SQLite beside the runs if not.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew where the folder holds a search.")] = False,
    as_json: AsJson = False,
) -> None:
    """Try other settings of a config until a deadline; outputs go to outputs/NAME_search/, the best to best/ there."""
    import psutil

    from ..search.clock import read_duration
    from .search.search import SearchRequest, run_search

    began, seconds = psutil.Process().create_time(), read_duration(deadline, "--deadline")
    run_search(SearchRequest(experiment, seconds, overrides or [], storage, overwrite, as_json, began))
