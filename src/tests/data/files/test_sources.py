"""Loading of dialogues: columns, text, bad rows, and the messages that users see."""

import json
import os
import sys
import types
from pathlib import Path

import pytest

from src.commands.speech import in_korean
from src.config.schema import DataSettings
from src.data.files.records import BadRow
from src.data.files.sources import DialogueRow, load_dialogues
from src.errors import YoyakError
from src.tests.data.loading import load, refusal, write

DROP = DataSettings(on_bad_rows="drop")


# Columns


def test_columns_by_settings(tmp_path):
    source = write(tmp_path, "a.csv", "no,대화,요약,kind\n7,d,s,k\n")
    table = load(source, dialogue_column="대화", summary_column="요약", id_column="no", topic_column="kind")
    assert table.rows == [DialogueRow("7", "d", "s", "k")]


def test_absent_columns_are_listed_with_a_hint(tmp_path):
    source = write(tmp_path, "a.csv", "id,dialog,Highlights\n1,d,s\n")
    assert refusal(source) == (
        "FILE: no column 'dialogue' and 'summary'; its columns are id, dialog, Highlights; "
        "use data.dialogue_column=dialog data.summary_column=Highlights"
    )


def test_absent_column_with_a_similar_or_no_name(tmp_path):
    assert refusal(write(tmp_path, "a.csv", "dialogues,summary\nd,s\n")) == (
        "FILE: no column 'dialogue'; its columns are dialogues, summary; use data.dialogue_column=dialogues"
    )
    assert refusal(write(tmp_path, "b.csv", "x,summary\nd,s\n")).endswith("use data.dialogue_column=COLUMN")
    two = write(tmp_path, "c.csv", "dialogue,summary1,summary2\nd,s,t\n")
    assert refusal(two).endswith("use data.summary_column=COLUMN")


@pytest.mark.parametrize(
    ("columns", "dialogue", "summary"),
    [
        ("대화문,요약문", "대화문", "요약문"),
        ("원문,정답", "원문", "정답"),
        ("본문,대화,요약,label", "대화", "요약"),  # clear names before those that other columns have too
        ("dialog,원문,Target,요약문", "dialog", "요약문"),
        ("대화,대화문,요약,요약문", "COLUMN", "COLUMN"),
        ("본문,원문,정답,label", "COLUMN", "COLUMN"),
        ("발화,utterance,요약문", "COLUMN", "요약문"),  # a row a turn, perhaps
    ],
)
def test_usual_names_are_hints_and_of_two_none_is(tmp_path, columns, dialogue, summary):
    source = write(tmp_path, "a.csv", f"{columns}\n{'x,' * columns.count(',')}x\n")
    assert refusal(source).endswith(f"use data.dialogue_column={dialogue} data.summary_column={summary}")


def test_absent_columns_of_json_lines(tmp_path):
    source = write(tmp_path, "a.jsonl", '{"text": "d", "summary": "s"}\n{"other": 1}\n')
    assert refusal(source) == (
        "FILE: no column 'dialogue'; its columns are text, summary, other; use data.dialogue_column=text"
    )


def test_a_messages_column_of_a_csv_is_no_conversation(tmp_path):
    message = refusal(write(tmp_path, "a.csv", "messages,summary\nd,s\n"))
    assert message.startswith("FILE: no column 'dialogue'; its columns are messages, summary;")


def test_column_that_occurs_twice(tmp_path):
    source = write(tmp_path, "a.csv", "dialogue,summary,summary\nd,s,t\n")
    assert refusal(source) == "FILE: the column 'summary' occurs twice; rename one"
    source = write(tmp_path, "b.csv", "fname,dialogue,summary,fname\n1,d,s,2\n")
    assert refusal(source) == "FILE: the column 'fname' occurs twice; rename one"
    assert len(load(write(tmp_path, "c.csv", "dialogue,summary,,\nd,s,,\n")).rows) == 1  # nobody reads these


def test_a_title_above_the_header_is_named(tmp_path):
    source = write(tmp_path, "a.csv", "Calls of May,,\nno,대화,요약\n1,d,s\n")
    assert refusal(source) == (
        "FILE: no column 'dialogue' and 'summary'; its first line is Calls of May; if that is a title, delete the "
        "lines above the names of the columns"
    )


def test_columns_without_a_name_are_counted_where_all_columns_are_read(tmp_path):
    source = write(tmp_path, "a.csv", "dialogue,summary,,,\nd,s,,,\n")
    with pytest.raises(YoyakError) as caught:
        load_dialogues(source, DataSettings(), keep_values=True)
    said = "3 columns have no name; name them, or delete them where they are empty"
    assert str(caught.value) == f"{source}: {said}"


@pytest.mark.parametrize(("dialogue", "summary"), [("input", "output"), ("prompt", "completion")])
def test_columns_of_other_trainers_are_named_in_the_hint(tmp_path, dialogue, summary):
    row = {"instruction": "Summarize.", dialogue: "d", summary: "s"}
    hint = f"use data.dialogue_column={dialogue} data.summary_column={summary}"
    assert refusal(write(tmp_path, "a.jsonl", json.dumps(row))).endswith(hint)


@pytest.mark.parametrize(
    ("opening", "is_said"),
    [
        ("Summarize the conversation below.", True),
        ("Summarize this:", True),
        ("Agent: Hello, how can I help?", False),
    ],
)
def test_an_opening_that_nobody_says_is_said(tmp_path, caplog, opening, is_said):
    rows = [{"dialogue": f"{opening}\nAnn: {number}", "summary": "s"} for number in (1, 2, 3)]
    source = write(tmp_path, "a.json", json.dumps(rows))
    assert len(load(source).rows) == 3
    said = (
        f"{source}: all dialogues begin with {opening!r}, which stays a part of them; if that is an instruction, leave "
        "it out: prompts have one of their own (dataset.instruction)"
    )
    assert [record.message for record in caplog.records] == ([said] if is_said else [])
    caplog.clear()
    load(write(tmp_path, "b.json", json.dumps([*rows, {"dialogue": "Ann: 4", "summary": "s"}])))
    load(write(tmp_path, "c.json", json.dumps([rows[0]] * 5)))
    assert not caplog.records


def test_turns_between_written_line_ends_are_said(tmp_path, caplog):
    source = write(tmp_path, "a.csv", "dialogue,summary\nA: hi\\nB: yo,s\nC: it is in C:\\new,t\nD: x,u\n")
    assert load(source).rows[0].dialogue == "A: hi\\nB: yo"
    assert caplog.messages == [
        f"{source}: 1 dialogue with \\n as two characters in place of line ends, read as one turn each: write real "
        "line ends, one turn a line"
    ]


def test_one_summary_of_many_dialogues_is_said(tmp_path, caplog):
    rows = "".join(f"A: {number},여가\n" for number in range(10))
    source = write(tmp_path, "a.csv", f"dialogue,summary\n{rows}")
    load(source)
    said = f"{source}: all summaries are '여가'; name the column that is meant with data.summary_column"
    assert caplog.messages == [said]
    caplog.clear()
    load(write(tmp_path, "b.csv", f"dialogue,summary\n{rows}A: 10,other\n"))
    load(write(tmp_path, "c.csv", "dialogue,summary\n" + "A: hi,s\n" * 10))  # one dialogue
    load(source, need_summary=False, summary_column="none")
    assert caplog.messages == []


def test_wrong_separator_is_named(tmp_path):
    source = write(tmp_path, "a.csv", "dialogue;summary\nd;s\n")
    assert refusal(source) == "FILE: one column, with ';' in its name; separate by commas (.csv) or tabs (.tsv)"


def test_files_for_inference_need_no_summary(tmp_path):
    source = write(tmp_path, "a.csv", "fname,dialogue\nx,d\n")
    assert load(source, need_summary=False).rows == [DialogueRow("x", "d", "")]
    assert refusal(source).startswith("FILE: no column 'summary';")


# Text


def test_newlines_and_ends_are_normalized_and_nothing_else(tmp_path):
    # "é" as e + U+0301 becomes one character; inner spaces and the literal backslash-n stay.
    source = write(tmp_path, "a.csv", 'dialogue,summary\r\n" \r\nA:  e\u0301 \r\nB: x\\ny\rC: z\r\n ", s \r\n')
    assert load(source).rows == [DialogueRow("row_1", "A:  \u00e9 \nB: x\\ny\nC: z", "s")]


# Bad rows


def test_lines_of_bad_rows_after_cells_with_newlines(tmp_path):
    text = 'fname,dialogue,summary\na,"1\n2\n3",s\n\nb,,s\nc,"1\n2",\na,d,s\nd,e\ne,f,g,h\nf,d,s\n'
    table = load(write(tmp_path, "a.csv", text), on_bad_rows="drop")
    assert [row.fname for row in table.rows] == ["a", "f"]
    assert table.dropped == [
        BadRow(6, "no dialogue"),
        BadRow(7, "no summary"),
        BadRow(9, "repeated id", "'a' is that of line 2 too"),
        BadRow(10, "wrong number of fields", "2 instead of 3"),
        BadRow(11, "wrong number of fields", "4 instead of 3"),
    ]
    assert table.dropped_by_reason() == {
        "wrong number of fields": 2,
        "no dialogue": 1,
        "no summary": 1,
        "repeated id": 1,
    }


def test_refusal_names_the_first_bad_row_and_counts_the_others(tmp_path):
    source = write(tmp_path, "a.csv", "dialogue,summary\nd,s\nd\n,s\n,s\n")
    assert refusal(source) == (
        "FILE:3: wrong number of fields: 1 instead of 2 (and 2 more); mend the rows or set data.on_bad_rows=drop"
    )


def test_nothing_left_after_dropping(tmp_path):
    source = write(tmp_path, "a.csv", "dialogue,summary\n,s\n,s\nd,\n")
    said = refusal(source, on_bad_rows="drop")
    assert said == "FILE: no usable row (2 no dialogue, 1 no summary)"
    assert in_korean(said) == "FILE: 쓸 수 있는 행이 없습니다(대화 없음 2개, 요약 없음 1개)"


def test_nul_bytes(tmp_path):
    source = write(tmp_path, "a.csv", b"dialogue,summary\nd\x00,s\n")
    assert refusal(source).startswith("FILE:2: NUL character: in column 'dialogue';")


def test_only_broken_json_lines_are_bad_rows_and_no_column_error(tmp_path):
    assert refusal(write(tmp_path, "a.jsonl", "{\n{\n")).startswith("FILE:1: broken JSON: Expecting property name")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12", "12"),
        ("1.5", "1.5"),
        ("null", "no summary"),
        ("NaN", "no summary"),
        ('" \\n"', "no summary"),
        ("true", "not text"),
        ("[1]", "not text"),
        ('{"a": 1}', "not text"),
    ],
)
def test_values_that_are_no_strings(tmp_path, value, expected):
    source = write(tmp_path, "a.jsonl", f'{{"dialogue": "d", "summary": {value}}}\n{{"dialogue": "d", "summary": "s"}}')
    table = load(source, on_bad_rows="drop")
    assert (table.dropped[0].reason if table.dropped else table.rows[0].summary) == expected


def test_equal_dialogues_under_different_ids_are_kept_and_counted(tmp_path):
    table = load(write(tmp_path, "a.csv", "fname,dialogue,summary\na,d,s\nb,d,t\nc,d,s\nd,e,s\n"))
    assert [row.fname for row in table.rows] == ["a", "b", "c", "d"]
    assert table.duplicate_dialogues == 2


# Files that cannot be used


def test_missing_file_offers_the_nearest_name(tmp_path):
    write(tmp_path, "train.csv", "")
    assert refusal(str(tmp_path / "trian.csv")) == "FILE: no such file; did you mean 'train.csv'?"
    folder = tmp_path / "nowhere"
    assert refusal(str(folder / "a.csv")) == f"FILE: no such file, and no folder '{folder}'"


@pytest.mark.parametrize("folder_exists", [True, False])
def test_missing_default_files_tell_how_to_name_others(tmp_path, monkeypatch, folder_exists):
    monkeypatch.chdir(tmp_path)
    if folder_exists:
        (tmp_path / "data" / "raw").mkdir(parents=True)
    hint = "name your own with data.train=FILE, or try the shipped sample: data.train=sample:en/train.csv"
    assert refusal("data/raw/train.csv").endswith(hint)
    hint = "name your own with data.eval=FILE, or try the shipped sample: data.eval=sample:en/dev.csv"
    assert refusal("data/raw/dev.csv").endswith(hint)


def test_folder_instead_of_a_file(tmp_path):
    assert refusal(str(tmp_path)) == "FILE: a folder; name a file in it"
    write(tmp_path, "b.csv", "")
    assert refusal(str(tmp_path)) == "FILE: a folder; name a file in it, such as FILE/b.csv"


def test_a_name_that_no_disk_has(tmp_path):
    assert refusal(str(tmp_path / ("x" * 300 + ".csv"))) == "FILE: no such file"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user")
def test_file_without_read_permission(tmp_path):
    source = write(tmp_path, "a.csv", "dialogue,summary\nd,s\n")
    Path(source).chmod(0)
    assert refusal(source) == "FILE: cannot be read (Permission denied)"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_named_pipe(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    assert refusal(str(tmp_path / "a.csv")) == "FILE: not a regular file"


# Samples and the hub


def test_sample(tmp_path, monkeypatch):
    (tmp_path / "en").mkdir()
    write(tmp_path / "en", "train.csv", "dialogue,summary\nd,s\n")
    monkeypatch.setattr("src.data.files.places.sample_dir", lambda: tmp_path)
    assert load("sample:en/train.csv").rows == [DialogueRow("row_1", "d", "s")]
    assert refusal("sample:en/trian.csv") == "FILE: no such sample; there are sample:en/train.csv"


def test_hub_without_the_datasets_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert refusal("hub:someone/dialogues") == (
        "FILE: needs the datasets package; pip install datasets, or download a file and name its path"
    )


def test_hub_rows_and_failures(monkeypatch):
    class Rows(list[dict[str, str]]):
        column_names = ("dialogue", "summary")

    asked: list[str | None] = []

    def load_dataset(name: str, split: str, revision: str | None = None) -> Rows:
        asked.append(revision)
        if name == "someone/dialogues":
            return Rows([{"dialogue": f"{split} 1", "summary": "s"}, {"dialogue": "", "summary": "s"}])
        raise ConnectionError("offline\nand more")

    stand_in = types.ModuleType("datasets")  # the real one needs a network
    monkeypatch.setattr(stand_in, "load_dataset", load_dataset, raising=False)
    monkeypatch.setitem(sys.modules, "datasets", stand_in)
    assert load_dialogues("hub:someone/dialogues", DROP).rows == [DialogueRow("row_1", "train 1", "s")]
    assert load_dialogues("hub:someone/dialogues:test", DROP).rows[0].dialogue == "test 1"
    assert load_dialogues("hub:someone/dialogues@0123abc:test", DROP).rows[0].dialogue == "test 1"
    assert asked == [None, None, "0123abc"]
    assert refusal("hub:someone/dialogues").startswith("FILE: row 2: no dialogue;")
    assert refusal("hub:other") == (
        "FILE: cannot be loaded (offline); check name, split and network, or name a local file"
    )


def test_a_summary_in_the_column_of_its_dialogue_is_refused(tmp_path):
    """A model would learn to say the dialogue again."""
    (tmp_path / "x.csv").write_text("dialogue,summary\nA: hi,They greet.\n")
    settings = DataSettings(dialogue_column="summary")
    with pytest.raises(YoyakError, match=r"data.dialogue_column and data.summary_column are both 'summary'"):
        load_dialogues(str(tmp_path / "x.csv"), settings)
    assert load_dialogues(str(tmp_path / "x.csv"), settings, need_summary=False).rows[0].dialogue == "They greet."
