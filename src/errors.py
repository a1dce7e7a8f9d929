"""The one error that users see: a line that says what is wrong, where, and how to mend it."""


class YoyakError(Exception):
    """A problem that the user can mend. Commands print its message as one line and exit with code 2."""


def nearest(name: str, known: list[str]) -> str:
    """Return `; did you mean 'x'?` for the closest of `known`, or an empty string when none is close."""
    from difflib import get_close_matches

    matches = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean '{matches[0]}'?" if matches else ""
