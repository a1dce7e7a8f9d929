"""`yoyak config`: the merged settings, and where each comes from."""

from ..config.loader import flatten, known_configs, load_config_with_sources
from ..visible import exact, json_line
from .console import create_console, print_json, print_text
from .speech import Quoted


def show_config(experiment: str, overrides: list[str], as_json: bool) -> None:
    """Print every setting of an experiment with its source."""
    config, sources = load_config_with_sources(experiment, overrides)
    if as_json:
        print_json({"config": config.model_dump(), "sources": sources})
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("setting", "value", "from"):
        table.add_column(column)
    for name, value in flatten(config).items():
        shown = exact(value) if isinstance(value, str) else json_line(value)
        table.add_row(name, Quoted(shown), sources[name], style="dim" if sources[name] == "default" else None)
    create_console().print(table)


def list_configs(as_json: bool) -> None:
    """Print the names that `--experiment` takes."""
    known = {name: str(path) for name, path in known_configs().items()}
    if as_json:
        print_json(known)
    else:
        width = max(map(len, known))
        for name, path in known.items():
            print_text(f"{name:{width}}  {path}")
