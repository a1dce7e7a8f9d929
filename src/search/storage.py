"""Opening Optuna's storage of a search, which others may be making or writing to at the same time."""

import random
import time

import optuna
from sqlalchemy import make_url
from sqlalchemy.exc import IntegrityError

_WAIT_SECONDS = 60.0  # for a SQLite file: many workers on a slow disk keep each other waiting for more than its own 5
_TRIES, _AGAIN_SECONDS = 20, 0.5


def open_storage(url: str) -> optuna.storages.RDBStorage:
    """Return the storage at a URL; of a file, which others hold while they write, its turn is waited for.

    Of several that make the tables of a new one at the same time all but one are refused by the database, and open what
    that one has made.
    """
    waits = {"connect_args": {"timeout": _WAIT_SECONDS}} if make_url(url).get_backend_name() == "sqlite" else None
    for last in (*[False] * _TRIES, True):
        try:
            return optuna.storages.RDBStorage(url, engine_kwargs=waits)
        except Exception as error:  # of whichever driver and database
            if last or not _is_being_made(error):
                raise
        time.sleep(_AGAIN_SECONDS * random.random())  # apart from each other is all that is needed
    raise AssertionError


def _is_being_made(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, IntegrityError) or "already exists" in str(error):
            return True
        error = error.__cause__
    return False
