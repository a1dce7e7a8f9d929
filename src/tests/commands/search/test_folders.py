"""Workers in several folders on one storage: machines that share no folder."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from src.commands.search import loop
from src.commands.search.conclude import _drop_losers
from src.commands.search.others import other_folders, say_others
from src.commands.search.seconds import pace
from src.commands.speech import in_korean
from src.search.place import SearchPlace
from src.search.study import SearchStudy
from src.tests.commands.search.test_search import SEARCH, learning, record_of  # noqa: F401
from src.tests.commands.search.test_workers_decide import UNITS, measured, search_of
from src.tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[4]


def search_in(tmp_path, name):
    """A search whose folder is one of several that share a storage."""
    search, folder = search_of(tmp_path, 1e6, lambda config: UNITS), tmp_path / name
    folder.mkdir(exist_ok=True)
    study = search.study
    search.study = SearchStudy(study.url, "found", study.space, 0, place=SearchPlace.of(folder))
    search.folder = folder
    return search


@pytest.fixture
def two(tmp_path):
    """Folders a and b; the first trial was measured by an older version, which kept no place."""
    here, there = (search_in(tmp_path, name) for name in "ab")
    measured(here, 10.0)
    return here, there


def test_a_trial_goes_on_where_its_files_are(two):
    here, there = two
    number = there.study.add(there.study.draw(), UNITS)
    assert loop._next(here, 0) == (2, 0)  # a new one, not that of the other folder, whose lock is not seen here
    assert loop._next(there, 0) == (number, 0)


def test_the_same_settings_drawn_in_the_same_moment_run_once(two, monkeypatch):
    here, there = two
    add = here.study.add

    def add_after_the_other(params, *arguments):
        there.study.add(params, UNITS)
        return add(params, *arguments)

    monkeypatch.setattr(here.study, "add", add_after_the_other)
    assert loop._next(here, 0) == "drawn"
    monkeypatch.undo()
    here.study.look()
    assert [trial.state for trial in here.study.trials()] == ["finished", "begun", "refused"]
    assert here.study.trials()[2].reason == "has the same settings as trial 1"
    assert loop._next(here, 0) == (3, 0)


def test_the_pace_is_that_of_this_machine(tmp_path):
    """Another machine's is a guess until a part has ended here."""
    here, there = (search_in(tmp_path, name) for name in "ab")
    number = there.study.add(there.study.draw(), UNITS)
    spent = {"begins": 1, "begin": 2.0, "steps": 10}
    there.study.note(number, "stages", [{"ended_after": 0.5, "spent": spent | {"train": 90.0}}])
    here.study.look()
    assert pace(here).step == pytest.approx(9.0)
    number = here.study.add(here.study.draw(), UNITS)
    here.study.note(number, "stages", [{"ended_after": 0.2, "spent": spent | {"train": 20.0}}])
    assert pace(here).step == pytest.approx(2.0)


def test_the_end_of_a_folder_leaves_the_trials_of_others(two):
    here, there = two
    mine, theirs = here.study.add(here.study.draw(), UNITS), there.study.add(there.study.draw(), UNITS)
    here.study.look()
    first = SimpleNamespace(chosen=0, best=0, model=here.folder / "trial_0000", together=[])
    _drop_losers(here, first, first)
    assert [here.study.trials()[number].state for number in (mine, theirs)] == ["lost", "begun"]


def test_what_others_have_ended_is_said(two):
    here, there = two
    for score in (40.0, 50.0):
        there.study.finish(there.study.add(there.study.draw(), UNITS), score)
    here.study.look()
    (line,) = others = other_folders(here)
    assert (line["trials"], line["best"], line["score"]) == (2, 2, 50.0)
    say_others(here, others)
    said = f"Others:  2 trials ended in {line['place']}, where their weights are; the best is trial 2: rouge_sum 50.00"
    assert here.said == [said]
    assert in_korean(said).startswith(f"다른 곳: {there.folder} on ")


def started(folder, *overrides):
    command = [sys.executable, "-m", "src.cli", *SEARCH, *overrides]
    with (folder / "out.log").open("ab") as log:
        return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=log, cwd=folder)


@pytest.mark.slow
def test_a_killed_worker_goes_on_with_its_trial_and_one_of_another_folder_does_not(learning):  # noqa: F811
    """Two real workers in two folders; the first is killed in the first trial."""
    config = yaml.safe_load((learning / "tiny.yaml").read_text())
    config["data"] = {name: str(learning / path) for name, path in config["data"].items()}
    config["model"]["dtype"] = "fp32"
    folders = [learning / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
        (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    shared = ("--storage", f"sqlite:///{learning / 'shared.db'}", "search.trials=4")
    killed = started(folders[0], *shared)
    wait_until(killed, lambda: "Trial 0: " in (folders[0] / "out.log").read_text())
    killed.kill()
    killed.wait()
    for folder in reversed(folders):
        assert started(folder, *shared).wait(600) == 0
    searches = [folder / "outputs" / "tiny_lora_search" for folder in folders]
    began = [{int(run.name[-4:]) for run in search.glob("trial_*")} for search in searches]
    assert began == [{0}, {1, 2, 3}]
    for search, own in zip(searches, began, strict=True):
        record = record_of(search)
        assert {trial["number"] for trial in record["trials"] if trial["elsewhere"] is None} == own
        assert record["chosen"] in own
        assert (search / "best" / "final_model").is_dir()
    assert "Others:  " not in (folders[1] / "out.log").read_text()  # nothing had ended in the first folder yet
    assert "Others:  3 trials ended in " in (folders[0] / "out.log").read_text()
