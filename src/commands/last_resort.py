"""Warnings that no log takes: lines on standard error, in the language that is spoken."""

import logging

from ..redaction import RedactingFormatter
from .speech import said_record


class _SaidFormatter(RedactingFormatter):
    """Lines without secrets, in the language that is spoken when they come."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(logging.makeLogRecord({**vars(record), "msg": said_record(record), "args": ()}))


def say_what_no_log_takes() -> None:
    """Say on the terminal what is logged where there is no run: of a data file, the server's faults."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_SaidFormatter())
