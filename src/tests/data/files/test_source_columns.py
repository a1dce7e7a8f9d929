"""The columns of files of dialogues, and what is said of how they hold them."""

import json

import pytest

from src.config.schema import DataSettings
from src.data.files.sources import DialogueRow, load_dialogues
from src.errors import YoyakError
from src.tests.data.loading import load, refusal, write


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


def test_a_column_that_was_named_for_another_file_may_be_renamed_here(tmp_path):
    """The settings hold for training and evaluation data: another name would be the other file's error."""
    source = write(tmp_path, "dev.csv", "dialogue,summary\nd,s\n")
    with pytest.raises(YoyakError) as refused:
        load_dialogues(source, DataSettings(dialogue_column="대화"))
    assert str(refused.value).endswith(
        "columns are dialogue, summary; use data.dialogue_column=dialogue, for all data files, or rename its columns"
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


def test_a_file_without_names_of_columns_is_told_so(tmp_path):
    source = write(tmp_path, "a.csv", '"A: hi\nB: hello",They greet.\n"A: bye\nB: bye",They part.\n')
    assert refusal(source) == (
        "FILE: no column 'dialogue' and 'summary'; its first line is a row: write the names of the columns above it, "
        "such as dialogue,summary"
    )
    assert "its columns are" in refusal(write(tmp_path, "b.csv", '"note:\nof calls",b\nd,s\n'))


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


def test_words_for_a_missing_summary_are_said(tmp_path, caplog):
    source = write(tmp_path, "a.csv", "dialogue,summary\nA: hi,nan\nA: yo,None\nnull,s\nA: none,nan is no number\n")
    load(source)
    assert caplog.messages == [
        f"{source}: 3 dialogues or summaries with the word 'null' or the like, as programs write a missing one; leave "
        "the cell empty"
    ]


def test_wrong_separator_is_named(tmp_path):
    source = write(tmp_path, "a.csv", "dialogue;summary\nd;s\n")
    assert refusal(source) == "FILE: one column, with ';' in its name; separate by commas (.csv) or tabs (.tsv)"


def test_files_for_inference_need_no_summary(tmp_path):
    source = write(tmp_path, "a.csv", "fname,dialogue\nx,d\n")
    assert load(source, need_summary=False).rows == [DialogueRow("x", "d", "")]
    assert refusal(source).startswith("FILE: no column 'summary';")


def test_a_summary_in_the_column_of_its_dialogue_is_refused(tmp_path):
    """A model would learn to say the dialogue again."""
    (tmp_path / "x.csv").write_text("dialogue,summary\nA: hi,They greet.\n")
    settings = DataSettings(dialogue_column="summary")
    with pytest.raises(YoyakError, match=r"data.dialogue_column and data.summary_column are both 'summary'"):
        load_dialogues(str(tmp_path / "x.csv"), settings)
    assert load_dialogues(str(tmp_path / "x.csv"), settings, need_summary=False).rows[0].dialogue == "They greet."
