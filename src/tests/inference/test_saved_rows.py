"""A file of rows that grows: what a stopped run left is kept, anything else is refused."""

import json
import os

import pytest

from src.errors import YoyakError
from src.inference.saved_rows import SavedRows

ROWS = [{"id": "a", "dialogue": "A: Hi."}, {"id": "b", "dialogue": "B: No."}, {"id": "c", "dialogue": "C: Ha."}]
SETTINGS = {"model": "m", "generation.num_beams": 1}


def saved(path, rows=ROWS, settings=SETTINGS, overwrite=False):
    return SavedRows(path, rows, ["summary"], settings, overwrite)


def partly(path, *indices, rows=ROWS):
    file = saved(path, rows)
    with file.growing():
        for index in indices:
            file.add(index, {"summary": f"S{index}"})
    return file


@pytest.fixture(params=[".csv", ".tsv", ".jsonl"])
def path(request, tmp_path):
    return tmp_path / "deep" / f"out{request.param}"


def test_rows_are_in_the_file_as_they_come_and_in_order_at_the_end(tmp_path):
    path = tmp_path / "out.csv"
    file = saved(path)
    with file.growing():
        file.add(2, {"summary": "S2"})
        assert path.read_text() == "id,dialogue,summary\nc,C: Ha.,S2\n"
        file.add(0, {"summary": "S0"})
        assert path.read_text().endswith("S2\na,A: Hi.,S0\n")
    file.finish()
    assert path.read_text() == "id,dialogue,summary\na,A: Hi.,S0\nc,C: Ha.,S2\n"
    assert json.loads((tmp_path / "out.csv.settings.json").read_text()) == SETTINGS
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out.csv", "out.csv.settings.json"]


def test_a_stopped_run_goes_on(path):
    partly(path, 2, 0)
    again = saved(path)
    assert again.done == {0: {"summary": "S0"}, 2: {"summary": "S2"}}
    assert again.missing == [1]
    with again.growing():
        again.add(1, {"summary": "new"})
    again.finish()
    last = saved(path)
    assert [last.done[index]["summary"] for index in range(3)] == ["S0", "new", "S2"]


def test_what_was_found_is_kept(path):
    file = saved(path)
    file.found["temperature"] = 1.4
    with file.growing():
        file.add(1, {"summary": "S1"})
    again = saved(path)
    assert (again.found, again.settings, list(again.done)) == ({"temperature": 1.4}, SETTINGS, [1])
    assert saved(path, overwrite=True).found == {}
    settings = path.parent / f"{path.name}.settings.json"
    settings.write_text(json.dumps(SETTINGS | {"found": 3}))
    with pytest.raises(YoyakError, match=r"settings.json: cannot be read"):
        saved(path)


def test_a_killed_run_loses_only_the_row_that_was_being_written(path):
    partly(path, 2, 0)
    path.write_bytes(path.read_bytes()[:-3])
    again = saved(path)
    assert list(again.done) == [2]
    with again.growing():
        pass
    assert saved(path).done == again.done
    assert path.read_bytes().endswith(b"\n")


def test_a_character_cut_in_half(tmp_path):
    rows = [{"dialogue": "가: 응."}, {"dialogue": "나: 네."}]
    path = tmp_path / "out.jsonl"
    partly(path, 0, rows=rows)
    path.write_bytes(path.read_bytes() + '{"dialogue": "나'.encode()[:-1])
    assert saved(path, rows).done == {0: {"summary": "S0"}}


def test_equal_rows_are_taken_in_their_order(path):
    rows = [{"dialogue": "A: Hi."}, {"dialogue": "A: Hi."}, {"dialogue": "B: No."}]
    partly(path, 1, rows=rows)
    assert saved(path, rows).missing == [1, 2]
    partly(path, 1, rows=rows)
    assert saved(path, rows).missing == [2]


def test_new_rows_and_another_order_of_the_input(path):
    partly(path, 0, 2)
    grown = [ROWS[2], {"id": "d", "dialogue": "D: Oh."}, ROWS[1], ROWS[0]]
    assert saved(path, grown).done == {0: {"summary": "S2"}, 3: {"summary": "S0"}}


def test_other_settings_are_named(path):
    partly(path, 0)
    with pytest.raises(YoyakError, match=r"was made with generation\.num_beams = 1, not 4; pass --overwrite"):
        saved(path, settings=SETTINGS | {"generation.num_beams": 4})
    with pytest.raises(YoyakError, match=r'was made with model = "m", not "k" \(and 1 more\)'):
        saved(path, settings={"model": "k", "generation.num_beams": 2})
    assert saved(path, settings=SETTINGS | {"model": "k"}, overwrite=True).missing == [0, 1, 2]


def test_other_rows_are_refused(path):
    partly(path, 0, 1)
    with pytest.raises(YoyakError, match="row 2 is none of the input's; pass --overwrite"):
        saved(path, [ROWS[0], {"id": "b", "dialogue": "B: Changed."}])


def test_a_foreign_file_is_left_alone(path):
    path.parent.mkdir()
    path.write_text("mine")
    with pytest.raises(YoyakError, match=r"is there already, without out\.\w+\.settings\.json; pass --overwrite"):
        saved(path)
    assert path.read_text() == "mine"
    (path.parent / f"{path.name}.settings.json").write_text("{")
    with pytest.raises(YoyakError, match=r"settings\.json: cannot be read"):
        saved(path)


def test_a_place_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    file = saved(tmp_path / "file" / "out.csv")
    with pytest.raises(YoyakError, match=r"out\.csv: cannot be written \(.*\); name another file"), file.growing():
        pass


def test_settings_that_came_or_went_are_named(path):
    partly(path, 0)
    with pytest.raises(YoyakError, match=r"was made with generation\.num_beams = 1, not null; pass --overwrite"):
        saved(path, settings={"model": "m"})
    with pytest.raises(YoyakError, match=r"was made with generation\.top_k = null, not 5; pass --overwrite"):
        saved(path, settings=SETTINGS | {"generation.top_k": 5})


def test_a_rewrite_that_breaks_off_leaves_the_rows_as_they_came(path, monkeypatch):
    file = partly(path, 2, 0)
    before = path.read_bytes()

    def full(source, target):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(YoyakError, match=r"cannot be written \(No space left on device\)"):
            file.finish()
    assert path.read_bytes() == before
    assert sorted(entry.name for entry in path.parent.iterdir()) == [path.name, f"{path.name}.settings.json"]
    assert saved(path).missing == [1]


def test_going_on_keeps_what_is_there_and_the_settings(path):
    partly(path, 2)
    again = saved(path)
    with again.growing():
        again.add(0, {"summary": "new"})
        assert saved(path).done == {0: {"summary": "new"}, 2: {"summary": "S2"}}  # while it grows
    assert again.missing == [1]
    assert json.loads(again.settings_path.read_text()) == SETTINGS
    begun = saved(path, overwrite=True)
    assert begun.missing == [0, 1, 2]
    with begun.growing():
        begun.add(1, {"summary": "only"})
    assert saved(path).done == {1: {"summary": "only"}}


def test_formulas_as_text_go_on_where_they_stopped(tmp_path):
    rows = [{"dialogue": "=A: a"}, {"dialogue": "B: b"}]
    saved = SavedRows(tmp_path / "x.csv", rows, ["summary"], {}, formulas_as_text=True)
    with saved.growing():
        saved.add(0, {"summary": '=HYPERLINK("a")'})
    again = SavedRows(tmp_path / "x.csv", rows, ["summary"], {}, formulas_as_text=True)
    assert again.done == {0: {"summary": '=HYPERLINK("a")'}}
    assert (tmp_path / "x.csv").read_text(encoding="utf-8") == '\ufeffdialogue,summary\n\'=A: a,"\'=HYPERLINK(""a"")"\n'
