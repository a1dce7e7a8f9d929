"""`yoyak plan --calibrate` measures a machine on which no run of ours is under way."""

from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from src.commands import calibrate
from src.planner.machine import profile_path, read_profile
from src.runs.lock import run_lock
from src.search.folder import NAMED_SEARCH
from src.search.workers import claimed


@pytest.fixture(autouse=True)
def short(folder, monkeypatch):
    monkeypatch.setenv("YOYAK_HOME", str(folder / "home"))
    monkeypatch.setattr(calibrate, "_SECONDS", 0.01)


@contextmanager
def trial():
    """A search whose trial is under way."""
    search = Path("outputs") / f"two{NAMED_SEARCH}"
    search.mkdir(parents=True)
    with claimed(search, "trial_0000"):
        yield


@pytest.mark.parametrize(("begun", "name"), [(lambda: run_lock(Path("outputs/one")), "one"), (trial, "two_search")])
def test_a_run_that_is_under_way_is_not_measured_too(yoyak, begun, name):
    with begun():
        refused = yoyak("plan", "--calibrate")
    why = "is under way, and would slow down what is measured; wait until it has ended"
    assert (refused.code, refused.out, refused.err) == (2, "", f"yoyak: outputs/{name}: {why}\n")
    assert not profile_path().exists()
    assert yoyak("plan", "--calibrate").code == 0
    assert read_profile() is not None


def test_what_was_measured_beside_a_run_that_has_begun_is_not_kept(yoyak, monkeypatch):
    measure = calibrate.measure_machine
    with ExitStack() as stack:

        def beside_a_run():
            stack.enter_context(run_lock(Path("elsewhere/one")))
            return measure()

        monkeypatch.setattr(calibrate, "measure_machine", beside_a_run)
        refused = yoyak("plan", "--calibrate", "experiment.output_dir=elsewhere")
    assert (refused.code, refused.out) == (2, "")
    assert "yoyak: elsewhere/one: has begun meanwhile, so what was measured is not kept" in refused.err
    assert not profile_path().exists()
