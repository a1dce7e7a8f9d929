"""What a command was given, once more as a command line."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import typer

from ..errors import YoyakError

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
        name = parameter.name or ""
        if name in but or not _is_given(context, name):
            continue
        value = context.params[name]
        for one in value if isinstance(value, list | tuple) else [value]:
            if parameter.param_type_name == "argument":
                words.append(str(one))
            else:
                options += _option(parameter, one)
    return [context.info_name or "", *options, *(["--", *words] if words else [])]


def refuse_given(context: typer.Context, names: Collection[str], why: str) -> None:
    """Raise YoyakError that names all options of these parameters which a command was given: they have no effect.

    `why` says what the command does instead.
    """
    given = [
        _longest(parameter.opts)
        for parameter in context.command.params
        if parameter.name in names and _is_given(context, parameter.name)
    ]
    if given:
        raise YoyakError(f"{why}: leave out {', '.join(given)}")


def with_options(overrides: Sequence[str] | None, options: Mapping[str, tuple[str, object]]) -> list[str]:
    """Return typed settings with those that options stand for.

    Args:
        overrides: as typed, `section.key=value`.
        options: of each setting its option and the value that it was given, None where it was not.

    Raises:
        YoyakError: an option and its setting were typed with different values, or a setting can't be read.
    """
    typed = list(overrides or [])
    given = {setting: pair for setting, pair in options.items() if pair[1] is not None}
    if not given:
        return typed
    from ..config.provenance import read_override

    values = {setting: (leaf.value, text) for text in typed for setting, leaf in [read_override(text)]}
    for setting, (option, value) in given.items():
        if setting in values and values[setting][0] != value:
            flag = option if value else option.replace("--", "--no-", 1)
            said = flag if isinstance(value, bool) else f"{option} {value}"
            raise YoyakError(f"{said} and {values[setting][1]} differ; leave one out")
        typed.append(f"{setting}={str(value).lower() if isinstance(value, bool) else value}")
    return typed


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _longest(names: Collection[str]) -> str:
    return max(names, key=len)


def _option(parameter: Any, value: object) -> Iterator[str]:
    """Yield an option, as a flag or with its value."""
    names = parameter.secondary_opts if value is False else parameter.opts
    name = _longest(names)
    yield name if isinstance(value, bool) else f"{name}={value}"
