"""What a command was given, once more as a command line."""

from collections.abc import Collection, Iterator
from typing import Any

import typer

SEVERAL = ("gpus", "processes")
"""The options that say how many processes share a command's work."""


def arguments_of(context: typer.Context, but: Collection[str] = SEVERAL) -> list[str]:
    """Return what stands behind `yoyak` for a command that was given as this one was, but for some options.

    Args:
        context: of the command.
        but: names of the parameters that are left out.
    """
    options: list[str] = []
    words: list[str] = []
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in but or source is None or source.name != "COMMANDLINE":
            continue
        value = context.params[parameter.name or ""]
        for one in value if isinstance(value, list | tuple) else [value]:
            if parameter.param_type_name == "argument":
                words.append(str(one))
            else:
                options += _option(parameter, one)
    return [context.info_name or "", *options, *(["--", *words] if words else [])]


def _option(parameter: Any, value: object) -> Iterator[str]:
    """Yield an option, as a flag or with its value."""
    names = parameter.secondary_opts if value is False else parameter.opts
    name = max(names, key=len)
    yield name if isinstance(value, bool) else f"{name}={value}"
