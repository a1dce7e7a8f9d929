"""Whose files a trial's are, where several folders share a storage."""

import shutil
from dataclasses import replace

import pytest

from src.commands.speech import in_korean
from src.config.loader import load_config
from src.errors import YoyakError
from src.search.costs import Units
from src.search.place import PLACE, SearchPlace
from src.search.space import search_space
from src.search.study import SearchStudy

UNITS = Units(steps=10, step=1.0, evaluations=2, evaluation=1.0, prompt=0.1, token=0.01, tokens=20.0)


def place_of(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return SearchPlace.of(folder)


def opened(tmp_path, place, anew=False):
    space = search_space(load_config("quickstart"))
    return SearchStudy(f"sqlite:///{tmp_path / 'search.db'}", "found", space, 0, anew=anew, place=place)


def test_a_trial_is_elsewhere_for_all_folders_but_its_own(tmp_path):
    here, there = place_of(tmp_path / "a"), place_of(tmp_path / "b")
    number = opened(tmp_path, there).add(None, UNITS)
    assert opened(tmp_path, there).trials()[number].elsewhere is None
    assert opened(tmp_path, here).trials()[number].elsewhere == f"{tmp_path / 'b'} on {there.host}"
    shared = replace(there, host="another", folder="/mnt/b")  # as another machine sees the same folder
    assert opened(tmp_path, shared).trials()[number].elsewhere is None
    shutil.move(tmp_path / "b", tmp_path / "c")
    assert opened(tmp_path, place_of(tmp_path / "c")).trials()[number].elsewhere is None


def test_what_older_versions_began_is_here(tmp_path):
    opened(tmp_path, None).add(None, UNITS)
    assert opened(tmp_path, place_of(tmp_path / "a")).trials()[0].elsewhere is None


def test_trials_whose_folder_is_gone_are_refused_and_replaced(tmp_path):
    opened(tmp_path, place_of(tmp_path / "a")).add(None, UNITS)
    shutil.rmtree(tmp_path / "a")
    with pytest.raises(YoyakError, match="/a whose files are gone, trial 0 first; put them back, or begin") as caught:
        opened(tmp_path, place_of(tmp_path / "a"))
    assert "의 시도가 담겨 있는데 그 파일이 없습니다(시도 0부터)." in in_korean(str(caught.value))
    assert opened(tmp_path, place_of(tmp_path / "a"), anew=True).trials() == []


def test_trials_of_another_folder_are_not_overwritten(tmp_path):
    opened(tmp_path, place_of(tmp_path / "a")).add(None, UNITS)
    with pytest.raises(YoyakError, match=r"/a on .* too, which --overwrite would replace; give another") as caught:
        opened(tmp_path, place_of(tmp_path / "b"), anew=True)
    assert "의 시도도 담겨 있어 --overwrite로 바꿀 수 없습니다." in in_korean(str(caught.value))
    assert len(opened(tmp_path, place_of(tmp_path / "b")).trials()) == 1


def test_each_of_two_that_add_at_the_same_time_learns_its_own_number(tmp_path, monkeypatch):
    """Both look at the trials when both have added theirs."""
    here, there = (opened(tmp_path, place_of(tmp_path / name)) for name in "ab")
    numbers, look = [], here.look
    monkeypatch.setattr(here, "look", lambda: numbers.append(there.add(None, UNITS)) or look())
    numbers.append(here.add(None, UNITS))
    assert numbers == [1, 0]
    own = [trial.attributes[PLACE]["folder"] for trial in there.trials()]
    assert own == [str(tmp_path / "a"), str(tmp_path / "b")]
