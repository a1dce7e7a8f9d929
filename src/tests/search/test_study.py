"""The storage of a search, as its own process and the studio read it."""

import sqlite3

import pytest

from src.bilingual import Text, korean
from src.config.loader import load_config
from src.search.costs import Units
from src.search.space import search_space
from src.search.standing import search_standing
from src.search.stored import UnreadableTrialsError, stored_trials
from src.search.study import SearchStudy

UNITS = Units(steps=10, step=1.0, evaluations=2, evaluation=1.0, prompt=0.1, token=0.01, tokens=20.0)


@pytest.fixture
def study(tmp_path):
    return SearchStudy(f"sqlite:///{tmp_path / 'search.db'}", "found", search_space(load_config("quickstart")), 0)


def test_reasons_keep_their_korean_halves(study):
    study.add(None, UNITS)
    study.add(study.draw(), UNITS, Text("too large", "너무 큼"))
    study.add(study.draw(), UNITS, "in English alone")
    study.add(study.draw(), UNITS)
    study.fail(3, Text("it diverged", "발산"))
    found = stored_trials(study.url)[2]
    assert [trial.reason for trial in found] == [None, "too large", "in English alone", "it diverged"]
    assert [korean(trial.reason) for trial in found[1:]] == ["너무 큼", "in English alone", "발산"]


def test_a_file_that_another_worker_writes_is_waited_for(study):
    """The five seconds of SQLite's own end a worker where many write to a slow disk."""
    with study._study._storage._backend.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 60_000


def test_trials_that_are_not_there_yet(tmp_path, study):
    assert stored_trials(study.url) == ("found", {}, [])
    (tmp_path / "new.db").touch()
    assert stored_trials(f"sqlite:///{tmp_path / 'new.db'}") is None


def test_trials_that_can_not_be_read_say_why(tmp_path, study):
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database" * 100)
    with pytest.raises(UnreadableTrialsError, match=r"^file is not a database$"):
        stored_trials(f"sqlite:///{broken}")
    said = search_standing(broken, lambda number: tmp_path)
    assert said == "broken.db can't be read: file is not a database"
    assert said.ko == "broken.db를 읽을 수 없습니다: file is not a database"
    with sqlite3.connect(tmp_path / "search.db") as other:
        other.execute("UPDATE alembic_version SET version_num = 'v9.9.9'")
    other.close()
    with pytest.raises(UnreadableTrialsError, match="no longer compatible with the table schema"):
        stored_trials(study.url)


def test_trials_of_another_version(tmp_path, study):
    number = study.add(None, UNITS)
    study.note(number, "spent", {"hours": 1})
    said = search_standing(tmp_path / "search.db", lambda number: tmp_path)
    assert said == "search.db holds trials of another version of yoyak."
