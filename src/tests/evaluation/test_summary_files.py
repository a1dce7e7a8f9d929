import json

import pytest

from src.config.schema import DataSettings
from src.errors import YoyakError
from src.evaluation.summary_files import join_files, read_summaries

REFERENCES = "fname,summary,dialogue\nd1,one,A: 1\nd2,two,B: 2\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write_file(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, list):
            content = "".join(json.dumps(row) + "\n" for row in content)
        path.write_text(content, encoding="utf-8")

    write_file("r.csv", REFERENCES)
    return write_file


def test_rows_are_joined_by_id_in_the_order_of_the_references(write):
    write("p.jsonl", [{"fname": "d2", "summary": " zwei\r\n"}, {"fname": "d1", "summary": None}])
    joined = join_files("p.jsonl", "r.csv")
    assert joined.ids == ["d1", "d2"]
    assert joined.predictions == ["", "zwei"]
    assert joined.references == [["one"], ["two"]]
    assert joined.dialogues == ["A: 1", "B: 2"]
    assert (joined.baseline, joined.ended, joined.by_row) == (None, None, False)


def test_several_references_may_have_gaps(write):
    write("m.jsonl", [{"fname": 7, "summary10": "c", "summary2": "b", "summary1": "a"},
                      {"fname": 8, "summary1": "d", "summary2": "", "summary10": None}])  # fmt: skip
    write("p.csv", "fname,summary\n8,x\n7,y\n")
    joined = join_files("p.csv", "m.jsonl")
    assert joined.references == [["a", "b", "c"], ["d"]]
    assert joined.predictions == ["y", "x"]
    assert joined.dialogues is None


def test_columns_of_a_runs_predictions(write):
    write("run.jsonl", [{"fname": "d1", "dialogue": "A", "summary": "r", "zero_shot": "z", "fine_tuned": "f"}])
    joined = join_files("run.jsonl", "run.jsonl", "run.jsonl", None, "fine_tuned", "zero_shot")
    assert (joined.predictions, joined.baseline, joined.references) == (["f"], ["z"], [["r"]])
    with pytest.raises(YoyakError, match="whose 'summary' is the reference; say --column zero_shot or --column fine_t"):
        join_files("run.jsonl", "run.jsonl")
    write("p.csv", "fname,summary\nd1,x\n")
    with pytest.raises(YoyakError, match="say --baseline-column zero_shot"):
        join_files("p.csv", "run.jsonl", "run.jsonl")


@pytest.mark.parametrize("name", ["consensus", "ensemble", "prediction", "predict"])
def test_the_references_beside_summaries_are_not_scored_in_their_place(write, name):
    row = {"fname": "d1", "dialogue": "A", "summary": "r", name: "s"}
    write("p.jsonl", [row])
    write("r.csv", "fname,summary\nd1,r\n")
    with pytest.raises(YoyakError, match=rf"^p.jsonl: .*'summary'.*; say --column {name}\b"):
        join_files("p.jsonl", "r.csv")
    assert join_files("p.jsonl", "r.csv", column=name).predictions == ["s"]
    with pytest.raises(YoyakError, match=rf"^p.jsonl: .*; say --baseline-column {name}\b"):
        join_files("r.csv", "r.csv", "p.jsonl", reference_column="fname")
    write("p.jsonl", [row | {"reference": "r"}])
    if name.startswith("pred"):  # then `summary` is the model's
        assert join_files("p.jsonl", "r.csv").predictions == ["r"]


def test_the_named_column_holds_the_references_and_the_dialogues(write):
    settings = DataSettings(summary_column="abstract", dialogue_column="talk")
    write("r.csv", "fname,summary,abstract,dialogue,talk\nd1,no,yes,other,A: 1\n")
    write("p.csv", "fname,summary,abstract\nd1,mine,yes\n")  # as `yoyak summarize` adds a summary to such a file
    joined = join_files("p.csv", "r.csv", settings=settings)
    assert (joined.predictions, joined.references, joined.dialogues) == (["mine"], [["yes"]], ["A: 1"])
    assert join_files("p.csv", None, settings=settings).references == [["yes"]]


def test_each_dialogue_is_of_the_file_that_has_it(write):
    write("r.csv", "fname,summary,dialogue\nd1,one,A: 1\nd2,two,\n")
    write("p.csv", "fname,summary,dialogue\nd2,two,B: 2\nd1,one,\n")
    assert join_files("p.csv", "r.csv").dialogues == ["A: 1", "B: 2"]
    write("p.csv", "fname,summary\nd2,two\nd1,one\n")
    joined = join_files("p.csv", "r.csv")
    assert (joined.dialogues, joined.notes) == (None, ["r.csv: 1 of 2 rows have no dialogue, such as d2."])
    write("d.csv", "fname,dialogue\nd1,\nd2,\n")
    assert join_files("p.csv", "r.csv", dialogues="d.csv").notes == ["d.csv: 2 of 2 rows have no dialogue, such as d1."]


@pytest.mark.parametrize("none", ["nan", "None", "NULL", "<NA>", "N/A"])
def test_what_programs_write_for_a_missing_summary(write, none):
    write("p.csv", f"fname,summary\nd1,{none}\nd2,two\n")
    joined = join_files("p.csv", "r.csv")
    assert joined.predictions == [none, "two"]
    assert joined.notes == [
        f"p.csv: 1 of 2 summaries are '{none}' or the like, as programs write a missing one; scored as words."
    ]
    write("r.csv", f"fname,summary1,summary2\nd1,one,uno\nd2,two,{none}\n")
    with pytest.raises(YoyakError, match=rf"^r.csv:3: a reference is '{none}', as programs write a missing one; leave"):
        join_files("p.csv", "r.csv")


def test_formulas_that_were_written_as_text_are_read_back(write):
    write("p.csv", "\ufefffname,summary\nd1,'- eins\n'@d2,'zwei'\n")
    write("r.csv", "fname,summary\nd1,one\n@d2,two\n")
    assert join_files("p.csv", "r.csv").predictions == ["- eins", "'zwei'"]
    write("p.csv", "fname,summary\nd1,'- eins\n@d2,zwei\n")
    assert join_files("p.csv", "r.csv").predictions == ["'- eins", "zwei"]


def test_line_ends_that_are_written_as_two_characters_are_said(write):
    write("p.csv", "fname,summary\nd1,- one\\n- more\nd2,two\n")
    (note,) = join_files("p.csv", "r.csv").notes
    assert note.startswith(r"p.csv: 1 of 2 summaries have \n as two characters, which are scored")


def test_a_models_summaries_with_the_references_beside_them(write):
    row = {"fname": "d1", "dialogue": "A: 1", "reference": "r", "summary": "s", "ended": False}
    write("dev.jsonl", [row])
    joined = join_files("dev.jsonl", "dev.jsonl")
    assert (joined.predictions, joined.references, joined.ended) == (["s"], [["r"]], [False])


def test_dialogues_of_the_predictions_or_of_a_file_of_their_own(write):
    write("r.csv", "fname,summary\nd1,one\n")
    write("p.csv", "fname,summary,dialogue\nd1,x,mine\n")
    write("d.csv", "fname,dialogue\nd1,own\n")
    assert join_files("p.csv", "r.csv").dialogues == ["mine"]
    assert join_files("p.csv", "r.csv", dialogues="d.csv").dialogues == ["own"]


def test_ended_is_read_from_json_and_from_text(write):
    write("p.jsonl", [{"fname": "d1", "summary": "x", "ended": True}, {"fname": "d2", "summary": "y", "ended": False}])
    assert join_files("p.jsonl", "r.csv").ended == [True, False]
    write("p.csv", "fname,summary,ended\nd2,x,False\nd1,y,TRUE\n")
    assert join_files("p.csv", "r.csv").ended == [True, False]
    write("p.csv", "fname,summary,ended\nd2,x,perhaps\nd1,y,TRUE\n")
    with pytest.raises(YoyakError, match=r"p.csv:2: 'ended' is 'perhaps'; write true or false"):
        join_files("p.csv", "r.csv")


@pytest.mark.parametrize(
    ("written", "ended"), [("true", True), ("1", True), ("YES", True), ("no", False), ("0", False)]
)
def test_truth_values_as_text(write, written, ended):
    write("r.csv", "fname,summary\nd1,one\n")
    write("p.csv", f"fname,summary,ended\nd1,x, {written}\n")
    assert join_files("p.csv", "r.csv").ended == [ended]


def test_files_without_ids_are_joined_row_by_row_where_asked(write):
    write("r.csv", "summary\none\ntwo\n")
    write("p.csv", "summary\neins\nzwei\n")
    with pytest.raises(YoyakError) as caught:
        join_files("p.csv", "r.csv")
    assert str(caught.value) == (
        "p.csv: no ids in common with r.csv (fname, id, dialogue_id, or data.id_column); add them, or say --by-row "
        "where the rows of both stand in the same order"
    )
    joined = join_files("p.csv", "r.csv", by_row=True)
    assert joined.by_row
    assert joined.ids == ["row_1", "row_2"]
    assert joined.predictions == ["eins", "zwei"]
    write("p.csv", "summary\neins\n")
    with pytest.raises(YoyakError, match=r"p.csv: 1 row, but r.csv has 2; without a column 'fname' rows are joined"):
        join_files("p.csv", "r.csv", by_row=True)


def test_samples_can_be_named():
    assert len(read_summaries("sample:ko/dev.csv").ids) == 20


MISTAKES = [
    ("fname,summary\nd1,x\n", "r.csv: 1 ids without a prediction, such as d2; both files need the same fname"),
    ("fname,summary\nd1,x\nd2,y\nd3,z\n", "p.csv: 1 ids without a reference, such as d3; both files need the same"),
    ("fname,summary\nd1,x\nd1,y\n", "p.csv:3: fname d1 is that of line 2 too; give each row its own"),
    ("fname,summary\n1,x\n2,y\n", "p.csv: no fname in common with r.csv, such as 1 and d1"),
    ("fname,summary\nd1,x\n,y\n", "p.csv:3: no fname; give each row its own"),
    ("summary\nx\ny\n", "p.csv: no column 'fname'; its columns are summary; both files need it, or neither"),
    ("fname,text\nd1,x\nd2,y\n", "p.csv: no column 'summary'; its columns are fname, text; name one with --column"),
    ("fname,sumary\nd1,x\n", "no column 'summary'; did you mean 'sumary'?; its columns"),
    ("fname,summary\nd1,\nd2,\n", "p.csv: every 'summary' is empty; there is nothing to score"),
    ("fname,summary\n", "p.csv: no rows"),
    ("fname,summary\nd1,a\0b\nd2,c\n", "p.csv:2: NUL character: in column 'summary'; mend the row"),
    ("fname,summary,summary\nd1,x,y\nd2,x,y\n", "p.csv: the column 'summary' occurs twice; rename one"),
    ("", "p.csv: the file is empty"),
    ('fname,summary\nd1,"x\n', "p.csv:2: broken quoting"),
    ('fname;summary\nd1;"x\ny"\n', "p.csv: one column, with ';' in its name; separate by commas"),
]


@pytest.mark.parametrize(("content", "message"), MISTAKES, ids=[message for _, message in MISTAKES])
def test_mistakes_in_predictions(write, content, message):
    write("p.csv", content)
    with pytest.raises(YoyakError) as error:
        join_files("p.csv", "r.csv")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([1, "2"], "p.jsonl:2: mixed ids: fname is text here and a number in line 1; write all of them as text"),
        (["1", 2], "p.jsonl:2: mixed ids: fname is a number here and text in line 1"),
        ([1.0, 2.0], "p.jsonl:1: fname is a decimal number; write it as text"),
        ([True, False], "p.jsonl:1: fname is a truth value"),
        ([["a"], "b"], "p.jsonl:1: fname is a list"),
        ([None, "b"], "p.jsonl:1: no fname"),
    ],
)
def test_ids_of_mixed_or_odd_types(write, ids, message):
    write("p.jsonl", [{"fname": name, "summary": "x"} for name in ids])
    with pytest.raises(YoyakError) as error:
        join_files("p.jsonl", "r.csv")
    assert message in str(error.value)


def test_cells_that_are_no_text(write):
    write("p.jsonl", [{"fname": "d1", "summary": "x"}, {"fname": "d2", "summary": ["y"]}])
    with pytest.raises(YoyakError, match=r"p.jsonl:2: 'summary' is a list, not text"):
        join_files("p.jsonl", "r.csv")
    write("p.jsonl", [{"fname": "d1", "summary": "x"}, {"fname": "d2"}])
    with pytest.raises(YoyakError, match=r"p.jsonl:2: no 'summary', which other rows have"):
        join_files("p.jsonl", "r.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("fname,text\nd1,x\n", "r.csv: no column 'summary' (or 'summary1', ...); its columns are fname, text"),
        ("fname,summary,summary1\nd1,x,y\n", "r.csv: both 'summary' and 'summary1'; keep the one or the numbered ones"),
        ("fname,summary\nd1,x\nd2,\n", "r.csv:3: the reference is empty; leave the row out"),
    ],
)
def test_mistakes_in_references(write, content, message):
    write("r.csv", content)
    write("p.csv", "fname,summary\nd1,x\nd2,y\n")
    with pytest.raises(YoyakError) as error:
        join_files("p.csv", "r.csv")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model", "model: a model's folder, not a file of summaries; to score a model: yoyak evaluate --adapter model"),
        ("base", "base: a model's folder, not a file of summaries; to score a model: yoyak evaluate -e CONFIG"),
        ("model/tokenizer_config.json", "expected a list of objects"),
        ("base/config.json", "base/config.json: part of a model, not a file of summaries"),
        ("run", "run: a run's folder; name its file run/predictions.jsonl"),
        ("data", "data: a folder; name a file in it, such as data/dev.csv"),
        ("r.cvs", "r.cvs: no such file; did you mean 'r.csv'?"),
        ("nowhere/r.csv", "nowhere/r.csv: no such file"),
        ("r.txt", "r.txt: cannot read '.txt' files"),
    ],
)
def test_what_is_no_file_of_summaries(write, name, message):
    write("model/adapter_config.json", "{}")
    write("model/tokenizer_config.json", '{"a": 1}')
    write("base/config.json", "{}")
    write("base/tokenizer_config.json", "{}")
    write("run/predictions.jsonl", "{}")
    write("data/dev.csv", REFERENCES)
    write("r.txt", "text")
    with pytest.raises(YoyakError) as error:
        read_summaries(name)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
