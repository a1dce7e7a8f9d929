"""What a checkpoint's `config.json` may not ask for; no torch, and looked at before transformers reads it."""

import re
from typing import Any

from ..errors import YoyakError

_COUNTED = {  # made one by one before any weight is looked at
    re.compile(r"\w*(layers?|blocks|depth)"): 2_000,
    re.compile(r"\w*(labels|experts)"): 100_000,
}


def refuse_endless(checkpoint: str, content: dict[str, Any]) -> None:
    """Raise YoyakError where the content of a config.json counts more layers, experts or labels than any model has.

    Nothing is said of what is no such content: whoever reads it says that.
    """
    inside: list[Any] = [content]
    while inside:
        part = inside.pop()
        for name, value in part.items() if isinstance(part, dict) else ():
            most = next((most for pattern, most in _COUNTED.items() if pattern.fullmatch(name)), None)
            if most is not None and type(value) is int and value > most:
                raise YoyakError(
                    f"model.checkpoint = {checkpoint}: can't be loaded: {name} = {value} in its config.json, "
                    f"{most:,} at most; get it again"
                )
            inside.append(value)
