"""Why a trial or an addition was not started, or failed, in both languages: pages show it."""

from ...bilingual import Text
from ...errors import YoyakError
from ...planner.advice import hours
from ..speech import in_korean


class GivenUpError(YoyakError):
    """The next trial would go wrong as those before; what has ended so far is the result."""


def with_half(sentence: str) -> str:
    """Return a sentence with its Korean half, or as it is where it has none."""
    korean = in_korean(sentence)
    return Text(sentence, korean) if korean != sentence else sentence


def too_late(needed: float, left: float, for_beams: float = 0.0) -> str:
    """Return that something takes more seconds than are left, besides those that are held for beams."""
    if for_beams:
        have = hours(max(left, 0))
        return with_half(f"would take {hours(needed)}, and {have} were left besides {hours(for_beams)} for beams")
    return with_half(f"would take {hours(needed)}, and {hours(max(left, 0))} were left")


def too_large(size: int) -> str:
    """Return that something takes more bytes of memory than there are."""
    return with_half(f"takes {size / 1e9:.1f} GB of memory, more than there is")
