"""The trials of a search that another process may be at, read from its storage without changing it."""

from typing import Any

import optuna
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from ..errors import first_line
from .study import IDENTITY, STUDY, TrialRecord, trial_record

_LAST_TABLE = "alembic_version"  # that Optuna makes in a new storage


class UnreadableTrialsError(Exception):
    """The trials of a search that can't be read from its storage; the text says why, as the database does."""


def stored_trials(url: str) -> tuple[str, dict[str, Any], list[TrialRecord]] | None:
    """Return of a search's storage its name, settings and trials, changing nothing; None where it is being made.

    Raises:
        UnreadableTrialsError: they can't be read.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    engines = [create_engine(url)]
    try:
        if not inspect(engines[0]).has_table(_LAST_TABLE):
            return None
        storage = optuna.storages.RDBStorage(url, skip_table_creation=True)
        engines.append(storage.engine)
        names = [one.study_name for one in storage.get_all_studies() if one.study_name.startswith(f"{STUDY}/")]
        if not names:
            return None
        study = optuna.load_study(study_name=names[0], storage=storage)
        trials = [trial_record(trial) for trial in study.get_trials(deepcopy=False)]
        return names[0].partition("/")[2], dict(study.user_attrs.get(IDENTITY, {})), trials
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise UnreadableTrialsError(first_line(error.__cause__ or error)) from error
    except (RuntimeError, LookupError, TypeError, ValueError) as error:  # of another Optuna, or what it wrote
        raise UnreadableTrialsError(first_line(error)) from error
    finally:
        for engine in engines:
            engine.dispose()
