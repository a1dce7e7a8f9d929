"""Who is found to keep the others waiting: watches of three ranks over one store, at a clock that the tests set."""

from types import SimpleNamespace

import pytest
from torch.distributed import FileStore

from src.ranks import watch as module
from src.ranks.place import RankPlace
from src.ranks.watch import Watch

MINUTE = 60
HUNG = "has kept the others waiting for 10 minutes (training.rank_timeout)"
HUNG_ALONE = "has kept the others waiting for 120 minutes with work of its own (12 times training.rank_timeout)"


class Run:
    """Three ranks; a rank may keep the others waiting for 10 minutes."""

    def __init__(self, folder, monkeypatch):
        store = FileStore(str(folder / "store"), 3)
        self.now = 1000.0
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.watches = [
            Watch(RankPlace(rank, 3, rank, "torchrun", "127.0.0.1", 0), store, 10 * MINUTE, lambda: None)
            for rank in range(3)
        ]
        for watch in self.watches:
            watch._beat()

    def others_wait(self):
        for watch in self.watches[1:]:
            watch.meetings += 1

    def after(self, minutes):
        """Let them look every ten seconds for so long; return which rank has ended the run and why."""
        for _ in range(minutes * 6):
            self.now += 10
            for watch in self.watches:
                watch._look()
            found = next((watch.failure for watch in self.watches if watch.failure), None)
            if found:
                return found.rank, found.why
        return None


@pytest.fixture
def run(tmp_path, monkeypatch):
    made = Run(tmp_path, monkeypatch)
    assert made.after(30) is None  # nobody waits
    made.others_wait()
    return made


def test_a_rank_that_hangs_while_the_others_wait_is_found(run):
    assert run.after(9) is None
    assert run.after(2) == (0, HUNG)


def test_work_alone_may_take_longer_and_patience_begins_anew_after_it(run):
    with run.watches[0].alone():
        assert run.after(100) is None
    assert run.after(9) is None
    assert run.after(2) == (0, HUNG)


def test_work_alone_within_work_alone_is_still_that(run):
    with run.watches[0].alone():
        with run.watches[0].alone():
            pass
        assert run.after(100) is None


def test_work_alone_that_never_ends_is_found(run):
    with run.watches[0].alone():
        assert run.after(119) is None
        assert run.after(2) == (0, HUNG_ALONE)


def test_progress_keeps_nobody_waiting(run):
    for _ in range(30):
        run.watches[0].progress += 1
        assert run.after(9) is None
    assert run.after(2) == (0, HUNG)


def test_the_last_rank_of_a_run_works_alone(run):
    for watch in run.watches[1:]:
        watch.leaves()
    assert run.after(119) is None
    assert run.after(2) == (0, HUNG_ALONE)


def test_only_where_all_others_are_done_is_one_alone(run):
    run.watches[1].leaves()
    assert run.after(11) == (0, HUNG)
