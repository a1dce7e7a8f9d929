"""The one error that users see: a line that says what is wrong, where, and how to mend it."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

# Line ends, other controls, halves of surrogate pairs, and what turns the direction of the text after it: quoted from
# a file or a name, they would break the line or steer the terminal.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST, _END = 2000, 500
_MENDABLE = {
    errno.EACCES, errno.EDQUOT, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOSPC, errno.ENOTDIR, errno.EPERM,
    errno.EROFS,
}  # fmt: skip


class YoyakError(Exception):
    """A problem that the user can mend. Commands print its message as one line and exit with code 2."""

    def __init__(self, message: str) -> None:
        """Keep the message, as one line whatever it quotes."""
        super().__init__(one_line(message))


def one_line(message: str) -> str:
    """Return a text with line ends and control characters as escapes, and at most 2,000 characters of it."""
    line = _UNPRINTABLE.sub(lambda match: match.group().encode("unicode_escape").decode(), message)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - _END]} ... {line[5 - _END :]}"


@contextmanager
def refusals_of_the_disk() -> Iterator[None]:
    """Turn the system's refusal of a file, where the user can mend it, into a YoyakError that names the file."""
    try:
        yield
    except OSError as error:
        if error.errno not in _MENDABLE or error.filename is None:
            raise
        raise YoyakError(f"{error.filename}: {error.strerror}") from error


def nearest(name: str, known: list[str]) -> str:
    """Return `; did you mean 'x'?` for the closest of `known`, or an empty string when none is close."""
    from difflib import get_close_matches

    matches = get_close_matches(name[:_LONGEST], known, n=1, cutoff=0.5)
    return f"; did you mean '{matches[0]}'?" if matches else ""
