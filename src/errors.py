"""The one error that users see: a line that says what is wrong, where, and how to mend it."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from .visible import one_line

_MENDABLE = {
    errno.EACCES, errno.EDQUOT, errno.EEXIST, errno.EFBIG, errno.EIO, errno.EISDIR, errno.ELOOP, errno.EMFILE,
    errno.ENAMETOOLONG, errno.ENFILE, errno.ENOSPC, errno.ENOTDIR, errno.EPERM, errno.EROFS,
}  # fmt: skip

_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")
_SOME_FILE = "a file could not be read or written"


class YoyakError(Exception):
    """A problem that the user can mend. Commands print its message as one line and exit with code 2."""

    def __init__(self, message: str) -> None:
        """Keep the message, as one line whatever it quotes."""
        super().__init__(one_line(message))


class MemoryFullError(YoyakError):
    """Memory ran out where work can't be made smaller; by the settings, or by what other processes hold of it."""


@contextmanager
def refusals_of_the_disk() -> Iterator[None]:
    """Turn the system's refusal of a file, where the user can mend it, into a YoyakError that names the file."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            refuse_removed_folder()
            if "temporary directory" in str(error.strerror):
                raise YoyakError(
                    f"no folder takes temporary files ({error.strerror}); free one or set TMPDIR"
                ) from error
        if error.errno not in _MENDABLE:
            raise
        raise YoyakError(f"{error.filename or _SOME_FILE}: {error.strerror}") from error
    except Exception as error:  # safetensors and tokenizers have errors of their own
        number = _SYSTEM_ERROR.search(str(error))
        if isinstance(error, YoyakError) or number is None or int(number[1]) not in _MENDABLE:
            raise
        raise YoyakError(f"{_SOME_FILE}: {os.strerror(int(number[1]))}") from error


def refuse_removed_folder() -> None:
    """Raise YoyakError where the working folder is not there any more: no relative path leads anywhere."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise YoyakError("the working folder has been removed; change to one that is there") from None


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its class where it has no text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def nearest(name: str, known: list[str]) -> str:
    """Return `; did you mean 'x'?` for the closest of `known`, or an empty string when none is close."""
    from difflib import get_close_matches

    matches = get_close_matches(name[:2000], known, n=1, cutoff=0.5)
    return f"; did you mean '{matches[0]}'?" if matches else ""
