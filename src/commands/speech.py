"""The language in which the command line speaks: English, or Korean where `--lang ko` or the locale asks for it.

Everything is made in English, and turned into Korean where it is shown: by `Screen`, by the line of an error, by the
help. Logs, `run.json` and what `--json` prints stay English. The sentences stand in `korean/` as pairs, whose halves
have the same fields: `{name}` as it is, `{name:t}` said in Korean too, `{name:을/를}` with the particle that fits,
`{name:t:을/를}` both, `{name:-을/를}` the particle alone, behind a quote, `{name:,}` a list without its last `and`.
Particles behind the `%s` of a log's line fit what comes there.
"""

import logging
import os
import pkgutil
import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from ..bilingual import Text, half_of, korean, particle
from ..errors import YoyakError
from ..ranks.group import is_first_rank
from ..streams import has_characters_of
from ..visible import one_line

_FIELD = re.compile(r"\{(\w+)(?::([^}]*))?\}")
_COUNTS = frozenset(
    "number count n tokens turns dialogues summaries done all need have spare over steps examples".split()  # noqa: SIM905
)
_NUMBER = r"[-+]?[\d.,]+(?:e[-+]?\d+)?"
_PARTS = {"hint": "(?:;.*)?", "rule": "must be .*", "card": "[^;]*", "low": _NUMBER, "high": _NUMBER, "one": r"\S+"}
_PARTS["engine_name"] = r"cached decoder's|\S+"
_PARTS["quoted"] = r"""'.*'|".*"|\S+"""
_TITLES = (
    *(f"{name}_PANEL_TITLE" for name in ("OPTIONS", "COMMANDS", "ARGUMENTS", "ERRORS")),
    *("DEFAULT_STRING", "REQUIRED_LONG_STRING", "RICH_HELP"),
)
_LONGEST = 2000
"""Characters of a sentence; a longer text is of data, and the patterns would take seconds to see that."""
_FORMS = {"은(는)": ("은", "는"), "이(가)": ("이", "가"), "을(를)": ("을", "를"), "과(와)": ("과", "와")}
_PARTICLE = re.compile("|".join(map(re.escape, _FORMS)))
_FILLED = re.compile(rf"(\S+)\0({_PARTICLE.pattern})")
_VERBS = {None: "", " are": " (?:are|is)", " were": " (?:were|was)", " hold": " holds?", " lose": " loses?"}
_PLURAL = re.compile(r"( (?:[a-z]+ )?)([a-z]+?)(ies|s)( are| were| hold| lose)?(?![\w-])")
_spoken = "en"


class Quoted(str):
    """A text of data or of a model, which is shown as it is, whatever sentence it may be."""


def choose_language(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> list[str]:
    """Speak as `--lang`, else the locale says; return the arguments without it.

    Raises:
        YoyakError: `--lang` names another language than en and ko.
    """
    global _spoken
    _spoken = "en"
    given = [f"--lang={after}" if one == "--lang" else one for one, after in _with_next(arguments)]
    named = [one.removeprefix("--lang=") for one in given if one.startswith("--lang=")]
    locale = next(filter(None, (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    if "--json" not in given and has_characters_of(sys.stdout, "가") and re.match(r"ko(?![a-z])", locale):
        _spoken = "ko"
    for language in named:
        if language not in ("en", "ko"):
            raise YoyakError(f"--lang {language}: choose en or ko")
        if "--json" not in given and has_characters_of(sys.stdout, "가"):
            _spoken = language
    return [one for one in given if not one.startswith("--lang=")]


def _with_next(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """Return each argument with the one after it; the one after `--lang` is its value, and none of its own."""
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return [pair for place, pair in enumerate(pairs) if place == 0 or arguments[place - 1] != "--lang"]


def speaks_korean() -> bool:
    """Return whether the terminal is spoken to in Korean."""
    return _spoken == "ko"


def said(text: str) -> str:
    """Return a text in the language that is spoken; one that has no Korean half stays as it is."""
    return in_korean(text) if speaks_korean() and not isinstance(text, Quoted) else text


def say_aside(text: str) -> None:
    """Say a line on standard error, beside what the command prints; of several ranks the first one speaks."""
    if is_first_rank():
        print(one_line(f"yoyak: {said(text)}"), file=sys.stderr)


def said_record(record: logging.LogRecord) -> str:
    """Return the line of a log in the language that is spoken."""
    if not (speaks_korean() and isinstance(record.msg, str)):
        return record.getMessage()
    if not isinstance(record.args, tuple) or not record.args:
        return in_korean(record.msg)
    whole = record.getMessage()
    sentence = _exact().get(record.msg) or (record.msg if in_korean(whole) == whole else None)
    if sentence is None:
        return in_korean(whole)
    filled = _PARTICLE.sub(r"\0\g<0>", sentence) % tuple(
        one if isinstance(one, int | float) else in_korean(one if isinstance(one, str) else str(one))
        for one in record.args
    )
    return _FILLED.sub(lambda found: found[1] + particle(found[1], *_FORMS[found[2]]), filled)


def in_korean(text: str) -> str:
    """Return a text's Korean half: its own, or that of the sentence that it is, alone or behind a name and a colon.

    Where there is none it is the text itself.
    """
    if isinstance(text, Text):
        return korean(text)
    if len(text) > _LONGEST:
        return text
    for one in dict.fromkeys((text, text.strip())):
        found = _exact().get(one) or half_of(one) or next(filter(None, (_filled(one, *p) for p in _patterns())), None)
        if found is not None:
            return text.replace(one, found, 1)
    name, colon, rest = text.partition(": ")
    return f"{name}{colon}{in_korean(rest)}" if rest else text


def said_lines(text: str) -> str:
    """Return a text of lines, of which some are a name, a gap and figures, in the language that is spoken."""
    return "\n".join(map(_line, text.split("\n"))) if speaks_korean() else text


def _line(line: str) -> str:
    from rich.cells import cell_len

    row = re.fullmatch(r"( +)(\S.*?)( {2,})(\S.*)", line)
    whole = in_korean(line)  # a table's head
    if row is None or whole != line:
        return whole
    name = in_korean(row[2])
    figures = re.sub(r"( *)([\d.]+ (?:h|min|s))\b", lambda time: _beside(time[1], time[2]), row[3] + row[4])
    gap = len(figures) - len(figures.lstrip(" ")) + cell_len(row[2]) - cell_len(name)
    return row[1] + name + " " * max(gap, 1) + figures.lstrip(" ")


def _beside(gap: str, time: str) -> str:
    """Return a gap and a time in Korean, which ends where the English one does if it stands in a column."""
    from rich.cells import cell_len

    shown = in_korean(time)
    return (" " * max(len(gap) + cell_len(time) - cell_len(shown), 1) if len(gap) > 1 else gap) + shown


def _filled(text: str, pattern: re.Pattern[str], sentence: str) -> str | None:
    match = pattern.fullmatch(text)
    return _FIELD.sub(lambda field: _field(match[field[1]], field[2] or ""), sentence) if match else None


def _said_parts(text: str) -> str:
    """Return a text in Korean, or each of the texts that it lists."""
    whole = in_korean(text)
    for between in ("; ", ", "):
        if whole == text:
            whole = between.join(map(in_korean, text.split(between)))
    return whole


def _field(value: str, form: str) -> str:
    if form == "t" or form.startswith("t:"):
        value, form = _said_parts(value), form[2:]
    if form == ",":
        return re.sub(" (?:and|or) ", ", ", value)
    if form.startswith("-"):
        return particle(value, *form[1:].split("/"))
    forms = form.split("/")
    return value + (particle(value, *forms) if len(forms) == 2 else forms[0])


@cache
def sentences() -> tuple[Text, ...]:
    """Return all pairs: of each module of `korean/` the tuple that has its name."""
    from . import korean as tables

    names = sorted(module.name for module in pkgutil.iter_modules(tables.__path__))
    modules = ((name, import_module(f"{tables.__name__}.{name}")) for name in names)
    return tuple(pair for name, module in modules for pair in getattr(module, name.upper()))


@cache
def _exact() -> dict[str, str]:
    return {str(pair): pair.ko for pair in sentences() if not _FIELD.search(pair)}


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return patterns of the sentences that have fields, those with most words of their own first."""
    pairs = sorted((pair for pair in sentences() if _FIELD.search(pair)), key=lambda pair: -len(_FIELD.sub("", pair)))
    return [(_pattern(pair), pair.ko) for pair in pairs]


def _pattern(sentence: str) -> re.Pattern[str]:
    first, *literals = _FIELD.split(sentence)[::3]
    names = _FIELD.split(sentence)[1::3]
    fields = [f"(?P<{name}>{_NUMBER if name in _COUNTS else _PARTS.get(name, '.*?')})" for name in names]
    behind = zip(fields, map(_of_one_too, literals), strict=True)
    first = re.escape(first) or r"(?!\s)"  # a field at the beginning has no line's indent in it: that is tried without
    return re.compile(first + "".join(field + literal for field, literal in behind))


def _of_one_too(literal: str) -> str:
    """Return a pattern for what stands behind a field: where that is a plural with its verb, for the singular too."""
    found = _PLURAL.match(literal)
    if found is None:
        return re.escape(literal)
    before, noun, ending, verb = found.groups()
    ending = "(?:ies|y)" if ending == "ies" else "s?"
    return re.escape(before + noun) + ending + _VERBS[verb] + re.escape(literal[found.end() :])


def korean_help(command: Any) -> Any:
    """Return a click command with the Korean halves in it, its parameters, the commands below and typer's titles."""
    from typer import rich_utils

    from .folding import Folding

    vars(rich_utils)["Console"] = Folding
    for title in _TITLES:
        setattr(rich_utils, title, in_korean(getattr(rich_utils, title)))
    _translate(command)
    return command


def _translate(command: Any) -> None:
    command.help = command.help and in_korean(command.help)
    command.options_metavar = in_korean(command.options_metavar)
    if hasattr(command, "subcommand_metavar"):
        command.subcommand_metavar = in_korean(command.subcommand_metavar)
    usage = command.get_usage
    command.get_usage = lambda context: usage(context).replace("Usage:", in_korean("Usage:"), 1)
    for parameter in command.params:
        parameter.help = getattr(parameter, "help", None) and in_korean(parameter.help)
    help_option = command.get_help_option

    def translated(context: Any) -> Any:
        if (option := help_option(context)) is not None:
            option.help = in_korean(option.help)
        return option

    command.get_help_option = translated
    for below in getattr(command, "commands", {}).values():
        _translate(below)
