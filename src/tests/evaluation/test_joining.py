"""How rows of two files find each other: ids under any usual name, dialogues, row by row only where asked."""

import json

import pytest

from src.config.schema import DataSettings
from src.errors import YoyakError
from src.evaluation.joining import join_rows, rows_of_ids
from src.evaluation.summary_files import join_files
from src.evaluation.summary_table import read_summaries


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write_file(name, rows):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    return write_file


def order(id_column="fname", by_row=False):
    settings = DataSettings(id_column=id_column)
    return join_rows(read_summaries("p.jsonl", settings), read_summaries("r.jsonl", settings), by_row)


def refusal(**how):
    with pytest.raises(YoyakError) as caught:
        order(**how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["fname", "id", "dialogue_id", "dialog_id", "dialogueID"])
def test_the_usual_names_join(write, name):
    write("r.jsonl", [{name: "a", "summary": "1"}, {name: "b", "summary": "2"}])
    write("p.jsonl", [{name: "b", "summary": "2"}, {name: "a", "summary": "1"}])
    assert (order().rows, order().ids, order().by) == ([1, 0], ["a", "b"], "ids")


def test_equal_ids_under_two_names_join(write):
    write("r.jsonl", [{"id": 1, "summary": "1"}, {"id": 2, "summary": "2"}])
    write("p.jsonl", [{"fname": "2", "summary": "2"}, {"fname": "1", "summary": "1"}])
    assert order().rows == [1, 0]


def test_the_name_with_common_ids_is_taken(write):
    write("r.jsonl", [{"fname": "x", "id": "a", "summary": "1"}, {"fname": "y", "id": "b", "summary": "2"}])
    write("p.jsonl", [{"fname": "row_1", "id": "b", "summary": "2"}, {"fname": "row_2", "id": "a", "summary": "1"}])
    assert order().rows == [1, 0]


def test_a_named_column_comes_first(write):
    write("r.jsonl", [{"id": "1", "key": {"no": "a"}, "summary": "1"}, {"id": "2", "key": {"no": "b"}, "summary": "2"}])
    write("p.jsonl", [{"id": "1", "key": {"no": "b"}, "summary": "2"}, {"id": "2", "key": {"no": "a"}, "summary": "1"}])
    assert (order().rows, order(id_column="key.no").rows) == ([0, 1], [1, 0])


def test_ids_that_are_missing_or_repeated(write):
    write("r.jsonl", [{"id": "a", "summary": "1"}, {"id": "b", "summary": "2"}])
    write("p.jsonl", [{"id": "a", "summary": "1"}, {"id": "a", "summary": "2"}])
    assert refusal() == "p.jsonl:2: id a is that of line 1 too; give each row its own"
    write("p.jsonl", [{"id": "a", "summary": "1"}])
    assert refusal() == "r.jsonl: 1 ids without a prediction, such as b; both files need the same id"


def test_dialogues_join_where_no_ids_do(write):
    write("r.jsonl", [{"dialogue": "A: a\nB: b", "summary": "1"}, {"dialogue": "C: c", "summary": "2"}])
    write("p.jsonl", [{"dialogue": "C:  c", "summary": "2"}, {"dialogue": "A: a B: b", "summary": "1"}])
    assert (order().rows, order().by) == ([1, 0], "dialogues")
    assert join_files("p.jsonl", "r.jsonl").notes == [
        "p.jsonl: no ids in common with r.jsonl; joined by their dialogues."
    ]
    write("p.jsonl", [{"dialogue": "C: c", "summary": "2"}, {"dialogue": "other", "summary": "1"}])
    assert refusal().startswith("p.jsonl: no ids in common with r.jsonl (fname, id, dialogue_id, or data.id_column);")
    assert order(by_row=True).by == "rows"


def test_ids_that_count_the_rows_of_each_file_are_refused(write):
    write("r.jsonl", [{"id": 1, "dialogue": "A: a", "summary": "1"}, {"id": 2, "dialogue": "B: b", "summary": "2"}])
    write("p.jsonl", [{"id": 1, "dialogue": "B: b", "summary": "2"}, {"id": 2, "dialogue": "A: a", "summary": "1"}])
    assert refusal() == (
        "p.jsonl: 2 of 2 ids have another dialogue in r.jsonl, such as 1; give the same dialogue the same id in both "
        "files"
    )


def test_ids_of_which_few_join_other_dialogues_are_said(write):
    rows = [{"id": number, "dialogue": f"A: {number}", "summary": "s"} for number in range(4)]
    write("r.jsonl", rows)
    write("p.jsonl", [rows[0], rows[1], rows[2] | {"dialogue": "A: 3"}, rows[3] | {"dialogue": "A: 2"}])
    assert (order().rows, order().other) == ([0, 1, 2, 3], ["2", "3"])
    assert join_files("p.jsonl", "r.jsonl").notes == [
        "p.jsonl: 2 of 4 rows have another dialogue in r.jsonl, such as 2."
    ]


def test_a_row_without_a_dialogue_leaves_the_others_compared(write):
    write("r.jsonl", [{"id": number, "dialogue": f"A: {number}", "summary": "s"} for number in range(3)])
    moved = ["A: 1", "A: 0", ""]
    rows = [{"id": number, "dialogue": text, "summary": "s"} for number, text in enumerate(moved)]
    write("p.jsonl", rows)
    assert refusal().startswith("p.jsonl: 2 of 2 ids have another dialogue in r.jsonl, such as 0;")
    with pytest.raises(YoyakError, match=r"^p.jsonl: 2 of 2 ids have another dialogue there, such as 0;"):
        rows_of_ids(read_summaries("p.jsonl"), ["0", "1", "2"], ["A: 0", "A: 1", "A: 2"])


def test_rows_in_another_order_are_not_joined_by_their_order(write):
    write("r.jsonl", [{"dialogue": "A: a", "summary": "1"}, {"dialogue": "B: b", "summary": "2"}])
    write("p.jsonl", [{"dialogue": "B: b", "summary": "2"}, {"dialogue": "A: a", "summary": "1"}])
    assert (order(by_row=True).rows, order(by_row=True).by) == ([1, 0], "dialogues")
    write("p.jsonl", [{"dialogue": "B: b", "summary": "2"}, {"dialogue": "A: x", "summary": "1"}])
    joined = join_files("p.jsonl", "r.jsonl", by_row=True)
    assert joined.notes == ["p.jsonl: 2 of 2 rows have another dialogue in r.jsonl, such as row_1."]


def test_an_id_column_that_no_file_has_is_refused(write):
    write("r.jsonl", [{"id": "a", "key": "1", "summary": "1"}])
    write("p.jsonl", [{"id": "a", "key": "1", "summary": "1"}])
    with pytest.raises(YoyakError, match=r"^p.jsonl: no column 'kee', as data.id_column says, nor in r.jsonl; its col"):
        join_files("p.jsonl", "r.jsonl", settings=DataSettings(id_column="kee"))


def test_summaries_of_yoyak_summarize_are_not_the_references_beside_them(write):
    write("p.jsonl", [{"id": "a", "summary": "the reference", "generated_summary": "made"}])
    joined = join_files("p.jsonl", None)
    assert (joined.predictions, joined.references) == (["made"], [["the reference"]])
    assert joined.notes == ["p.jsonl: the summaries are 'generated_summary'."]


def test_references_in_a_corpus_layout(write):
    turns = [{"speaker": "A", "utterance": "hi"}]
    write("r.jsonl", [{"id": "a", "input": {"conversation": turns}, "output": "s"}])
    write("p.jsonl", [{"id": "a", "summary": "s"}])
    joined = join_files("p.jsonl", "r.jsonl")
    assert (joined.references, joined.dialogues) == ([["s"]], ["A: hi"])


def test_a_baseline_is_joined_as_the_predictions_are(write):
    write("r.jsonl", [{"id": "a", "summary": "1"}, {"id": "b", "summary": "2"}])
    write("b.jsonl", [{"id": "b", "predict": "two"}, {"id": "a", "predict": "one"}])
    assert join_files("r.jsonl", "r.jsonl", "b.jsonl", column=None, baseline_column="predict", reference_column="id")
    write("p.jsonl", [{"id": "b", "predict": "zwei"}, {"id": "a", "predict": "eins"}])
    joined = join_files("p.jsonl", "r.jsonl", "b.jsonl")
    assert (joined.predictions, joined.baseline) == (["eins", "zwei"], ["one", "two"])


@pytest.mark.parametrize("baseline", ["p.jsonl", "r.jsonl"])
def test_what_is_scored_is_not_compared_with_itself_nor_with_the_references(write, baseline):
    write("r.jsonl", [{"id": "a", "summary": "1"}])
    write("p.jsonl", [{"id": "a", "summary": "s", "older": "o"}])
    with pytest.raises(YoyakError, match=rf"^{baseline}: 'summary' would be compared with itself; name another column"):
        join_files("p.jsonl", "r.jsonl", baseline)
    assert join_files("p.jsonl", "r.jsonl", "p.jsonl", baseline_column="older").baseline == ["o"]


def test_rows_of_a_data_file_in_a_table(write):
    write("b.jsonl", [{"id": "b", "dialogue": "B: b", "summary": "2"}, {"id": "a", "dialogue": "A: a", "summary": "1"}])
    table = read_summaries("b.jsonl")
    assert rows_of_ids(table, ["a"], ["A: a"]).rows == [1]
    assert rows_of_ids(table, ["row_1", "row_2"], ["A: a", "B: b"]).rows == [1, 0]
    with pytest.raises(YoyakError, match=r"^b.jsonl: 1 of 2 dialogues are not in it, such as c$"):
        rows_of_ids(table, ["a", "c"], ["A: a", "C: c"])
    with pytest.raises(YoyakError, match=r"^b.jsonl: 2 of 2 ids have another dialogue there, such as a;"):
        rows_of_ids(table, ["a", "b"], ["B: b", "A: a"])
    write("b.jsonl", [{"summary": "2"}])
    with pytest.raises(YoyakError, match=r"^b.jsonl: no column 'fname'; its columns are summary$"):
        rows_of_ids(read_summaries("b.jsonl"), ["a"], ["A: a"])
