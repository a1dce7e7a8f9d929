"""What the command line says of options and arguments that it doesn't know, without what may be a secret in them."""

import re
from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup

from ..errors import YoyakError
from ..redaction import redact
from .speech import said

_SHORTEST = 12


class QuietGroup(TyperGroup):
    """The commands; errors of their use don't repeat words that look like a key or a password."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Read the options before the command."""
        given = list(args)  # which are taken out as they are read
        try:
            return super().make_context(info_name, args, parent, **extra)
        except Exception as error:
            if not _is_of_use(error):
                raise
            raise _quiet(error, given) from None

    def invoke(self, ctx: Any) -> Any:
        """Read the options of the command, and run it."""
        given = [*ctx._protected_args, *ctx.args] if hasattr(ctx, "_protected_args") else list(ctx.args)
        try:
            return super().invoke(ctx)
        except Exception as error:
            if not _is_of_use(error):
                raise
            raise _quiet(error, given) from None


def refuse_undecodable(arguments: Sequence[str]) -> None:
    """Raise YoyakError for an argument that is not text in the system's encoding: nothing could be written of it."""
    for argument in arguments:
        if re.search("[\ud800-\udfff]", argument):
            raise YoyakError(
                f"command line: {argument[:80]}: not UTF-8 text; write it in UTF-8, or rename the file that it names"
            )


def may_be_secret(word: str) -> bool:
    """Tell whether a word of a command line looks like a key or a password: long, of letters and digits."""
    return (
        len(word) >= _SHORTEST
        and re.fullmatch(r"[\w+~!@#$%^&*-]+", word) is not None
        and bool(re.search(r"\d", word) and re.search(r"[A-Za-z]", word))
    )


def _is_of_use(error: Exception) -> bool:
    return hasattr(error, "exit_code") and isinstance(getattr(error, "message", None), str)


def _quiet(error: Any, given: Sequence[str]) -> Any:
    """Return an error of use without words in it that may be secrets."""
    parts = {part for argument in given for part in (argument, *argument.split("=", 1))}
    for part in sorted(filter(may_be_secret, parts), key=len, reverse=True):
        error.message = error.message.replace(part, f"{part[:4]}...")
    error.message, told = redact(error.message), error.format_message
    error.format_message = lambda: said(told())
    return error
