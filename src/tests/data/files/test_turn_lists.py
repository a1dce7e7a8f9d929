"""Dialogues as corpora have them: lists of turns, columns inside objects, content parts, lists in cells."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.data.files.records import BadRow
from src.data.files.sources import DialogueRow
from src.data.files.turn_lists import NotTurnsError, names_inside, recognize, text_of_turns, value_at
from src.tests.data.loading import load, refusal, write

CASES = Path(__file__).parent / "cases"
NIKL = DialogueRow("row_1", "SD1: 주말에 뭐 했어요?\nSD2: 등산을 다녀왔어요.", "SD2는 주말에 등산을 다녀왔다.")
AIHUB = DialogueRow("row_1", "P01: 주말에 뭐 해?\nP02: 등산 갈래", "주말에 등산을 가려고 한다.")
TURNS = [{"speaker": "A", "text": "hi"}, {"speaker": "B", "text": "yo"}]


@pytest.mark.parametrize(
    ("name", "expected", "said"),
    [
        (
            "nikl.json",
            NIKL,
            "dialogues are read from input.conversation, a line a turn, such as 'SD1: 주말에 뭐 했어요?', "
            "summaries from output",
        ),
        (
            "aihub.json",
            AIHUB,
            "dialogues are read from body.dialogue, a line a turn, such as 'P01: 주말에 뭐 해?', "
            "summaries from body.summary",
        ),
        ("turnlist.json", AIHUB, "dialogues are read from dialogue, a line a turn, such as 'P01: 주말에 뭐 해?'"),
        ("parts.jsonl", DialogueRow("row_1", "A: hi\nB: yo", "They greet."), None),
    ],
)
def test_corpora_are_recognized_and_it_is_said(caplog, name, expected, said):
    assert load(str(CASES / name)).rows == [expected]
    assert caplog.messages == ([f"{CASES / name}: {said}"] if said else [])


def test_columns_inside_objects_are_named_with_dots():
    named = {"dialogue_column": "input.conversation", "summary_column": "output", "id_column": "id"}
    assert load(str(CASES / "nikl.json"), **named).rows == [DialogueRow("x-1", NIKL.dialogue, NIKL.summary)]
    named = {
        "dialogue_column": "body.dialogue",
        "summary_column": "body.summary",
        "id_column": "header.dialogueInfo.dialogueID",
        "topic_column": "header.dialogueInfo.topic",
    }
    assert load(str(CASES / "aihub.json"), **named).rows == [DialogueRow("d-1", AIHUB.dialogue, AIHUB.summary, "여가")]


def test_a_wrong_name_is_answered_with_the_names_inside():
    assert refusal(str(CASES / "nikl.json"), dialogue_column="conversation") == (
        "FILE: no column 'conversation' and 'summary'; its columns are id, input.conversation, input.subject_keyword, "
        "output; use data.dialogue_column=input.conversation data.summary_column=output, for all data files, or "
        "rename its columns"
    )


@pytest.mark.parametrize("suffix", ["json", "jsonl", "parquet"])
def test_all_formats_with_nested_rows(tmp_path, suffix):
    rows = [
        {"id": "1", "body": {"dialogue": TURNS, "summary": "s"}},
        {"id": "2", "body": {"dialogue": [], "summary": "t"}},
    ]
    path = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text(json.dumps(rows) if suffix == "json" else "\n".join(map(json.dumps, rows)))
    table = load(str(path), on_bad_rows="drop")
    assert table.rows == [DialogueRow("row_1", "A: hi\nB: yo", "s")]
    assert [bad.reason for bad in table.dropped] == ["no dialogue"]
    assert load(str(path), on_bad_rows="drop", need_summary=False).rows[0].dialogue == "A: hi\nB: yo"


@pytest.mark.parametrize(
    "cell",
    [
        json.dumps(TURNS),
        str(TURNS),
        '["A: hi", "B: yo"]',
        "['A: hi', 'B: yo']",
        ' [ {"speaker": "A", "text": "hi"},\n {"speaker": "B", "text": "yo"}]',
    ],
)
def test_a_list_in_a_cell(tmp_path, cell):
    quoted = cell.replace('"', '""')
    table = load(write(tmp_path, "a.csv", f'dialogue,summary\n"{quoted}",s\n'))
    assert table.rows == [DialogueRow("row_1", "A: hi\nB: yo", "s")]


@pytest.mark.parametrize("cell", ["[Music] A: hi", "[A] hi [B]", "['tis a bracket]", '["Wait" he said]', "[]"])
def test_text_in_brackets_stays_text(tmp_path, cell):
    quoted = cell.replace('"', '""')
    assert load(write(tmp_path, "a.csv", f'dialogue,summary\n"{quoted}",s\n')).rows[0].dialogue == cell


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (TURNS, "A: hi\nB: yo"),
        (["A: hi", "B: yo\nand more", ""], "A: hi\nB: yo and more"),
        (  # columns of Parquet: each turn has all keys
            [{"speaker": "A", "utterance": None, "text": "hi"}, {"speaker": "B", "utterance": "yo", "text": None}],
            "A: hi\nB: yo",
        ),
        (
            [{"speaker": {"name": None, "id": "A"}, "text": "hi"}, {"speaker": {"speakerId": 0}, "text": "yo"}],
            "A: hi\nP0: yo",
        ),
        ([{"speaker": 1.0, "text": "hi"}, {"speaker": 2.0, "text": "yo"}], "P1: hi\nP2: yo"),
        ([{"role": "user", "content": [{"type": "text", "text": "hi"}]}], "user: hi"),
        ([{"speaker_id": 1, "form": "네"}, {"speaker_id": 2, "form": None}], "P1: 네"),
        ([{"speaker": {"name": "Mia"}, "utterance": " hi "}, {"utterance": "yo"}], "Mia: hi\nyo"),
        ([{"from": "Ann:", "value": "hi"}], "Ann: hi"),
        ({"speaker": ["A", "B"], "utterance": ["hi", "yo"]}, "A: hi\nB: yo"),
        ([{"type": "text", "text": "A: a\n"}, {"type": "text", "text": "B: b"}], "A: a\nB: b"),
        ([], ""),
        ("A: hi", "A: hi"),
        (None, None),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_turns_are_lines(value, expected):
    assert text_of_turns(value, is_dialogue=True) == expected


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([1], "a list with a int in it"),
        ([["A", "hi"]], "a list with a list in it"),
        ([{"a": 1, "b": 2}], "a list of objects without a usual key for a turn's text (a, b)"),
        ([{"type": "image_url"}], "a part of type 'image_url'"),
        ("[{'a': array([1])}]", "a list of objects that is no JSON"),
        ("[{'a': 1, b'utterance': 'hi'}]", "a list of objects that is no JSON"),
        ("[{'speaker': 0x" + "f" * 10_000 + ", 'text': 'hi'}]", "a list of objects that is no JSON"),
        ("[" + "{}," * 200_001 + "{}]", "a list with more than 200,000 parts"),
        ('[{"text": ' + "[" * 100_000 + "]" * 100_000 + "}]", "a list of objects that is no JSON"),
    ],
)
def test_other_lists_are_refused(value, said):
    with pytest.raises(NotTurnsError) as caught:
        text_of_turns(value, is_dialogue=True)
    assert str(caught.value) == said


def test_a_summary_is_no_list_of_turns():
    assert text_of_turns([{"type": "text", "text": "s"}], is_dialogue=False) == "s"
    with pytest.raises(NotTurnsError):
        text_of_turns(["a", "b"], is_dialogue=False)


def test_a_list_that_is_not_one_of_turns_is_a_bad_row(tmp_path):
    source = write(tmp_path, "a.jsonl", '{"dialogue": [1], "summary": "s"}\n{"dialogue": "d", "summary": "s"}\n')
    assert load(source, on_bad_rows="drop").dropped == [
        BadRow(1, "not text", "column 'dialogue' holds a list with a int in it")
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"talk": TURNS, "output": "s"}, ("talk", "output")),
        ({"talk": TURNS, "other": TURNS, "summary": "s"}, (None, "summary")),
        ({"talk": TURNS, "summary": "s", "x": {"요약": "t"}}, ("talk", None)),
        ({"body": {"dialogue": "A: hi", "summary": "s"}}, ("body.dialogue", "body.summary")),
        ({"turns": ["A: hi"], "target": "s"}, ("turns", "target")),
        ({"rows": [{"text": "t", "label": "l"}]}, (None, None)),
        ({"text": "A: hi", "label": "s"}, (None, "label")),
        ({"a": {"b": {"c": {"d": {"dialogue": TURNS}}}}}, (None, None)),
        ({"대화문": TURNS, "요약문": "s"}, ("대화문", "요약문")),
        ({"data": {"대화": "A: hi", "요약문": "s"}, "label": "여가"}, ("data.대화", "data.요약문")),
        ({"발화": ["A: hi"], "요약문": "s"}, ("발화", "요약문")),
        ({"data": {"utterance": "hi", "summary": "s"}}, (None, "data.summary")),  # a turn
        ({"talk": TURNS, "정답": "s"}, ("talk", None)),  # to a question, perhaps
        ({"talk": TURNS, "요약": "s", "요약문": "t"}, ("talk", None)),
    ],
)
def test_only_what_is_clear_is_recognized(row, expected):
    assert recognize(row) == expected


def test_a_named_column_that_is_absent_is_not_guessed(tmp_path):
    source = write(tmp_path, "a.jsonl", json.dumps({"talk": TURNS, "summary": "s"}))
    assert load(source).rows == [DialogueRow("row_1", "A: hi\nB: yo", "s")]
    assert refusal(source, dialogue_column="call").startswith("FILE: no column 'call'; its columns are talk, summary;")


def test_values_and_names_inside_objects():
    row: dict[str, Any] = {"a": {"b": 1, "c": {"d": None}}, "x.y": 2, "e": {}}
    assert [value_at(row, name) for name in ("a.b", "a.c.d", "x.y")] == [1, None, 2]
    assert names_inside(row) == ["a.b", "a.c.d", "x.y", "e"]


def test_the_list_of_rows_among_several(tmp_path):
    rows = [{"dialogue": "d", "summary": "s"}]
    one = {"tags": ["x"], "corpus": {"year": 2020, "document": rows}}
    assert load(write(tmp_path, "a.json", json.dumps(one))).rows == [DialogueRow("row_1", "d", "s")]
    two = {"train": rows, "corpus": {"document": [{"dialogue": "e", "summary": "t"}]}}
    source = write(tmp_path, "b.json", json.dumps({"more": rows} | two, indent=1))
    assert refusal(source).endswith(
        "not an object with the lists more, train; name one with data.records=more or another"
    )
    assert load(source, records="corpus.document").rows == [DialogueRow("row_1", "e", "t")]
    assert refusal(source, records="x") == "FILE: no list data.records=x; its lists are more, train, corpus.document"
    lines = write(tmp_path, "c.jsonl", json.dumps(rows[0]))
    assert refusal(lines, records="x") == "FILE: data.records=x is for .json files; leave it out"
    whole = write(tmp_path, "d.json", json.dumps(rows))
    assert refusal(whole, records="x") == "FILE: is a list of rows by itself; leave data.records=x out"


def test_the_last_of_lists_under_one_name_counts(tmp_path):
    rows = '[{"dialogue": "d", "summary": "s"}]'
    assert load(write(tmp_path, "a.json", f'{{"a": [1], "a": {rows}}}')).rows[0].dialogue == "d"
    assert load(write(tmp_path, "b.json", f'{{"a": {{"b": [1]}}, "a": {rows}}}')).rows[0].dialogue == "d"
    assert load(write(tmp_path, "c.json", f'{{"a": {rows}, "b": [{{}}], "b": 1}}')).rows[0].dialogue == "d"


def test_a_json_file_that_is_one_dialogue_with_turns(tmp_path):
    source = write(tmp_path, "a.json", json.dumps({"id": "x", "dialogue": TURNS, "summary": "s"}))
    assert load(source).rows == [DialogueRow("row_1", "A: hi\nB: yo", "s")]
    source = write(tmp_path, "b.json", json.dumps({"dialogue": TURNS}))
    assert load(source, need_summary=False).rows == [DialogueRow("row_1", "A: hi\nB: yo", "")]


def test_a_chat_with_a_summary_of_its_own_is_the_dialogue(tmp_path):
    turns = [("user", "My order is late."), ("assistant", "Which one?"), ("user", "7."), ("assistant", "On its way.")]
    messages = [{"role": role, "content": content} for role, content in turns]
    source = write(tmp_path, "a.jsonl", json.dumps({"messages": messages, "summary": "An order is late."}))
    assert load(source).rows == [
        DialogueRow(
            "row_1",
            "user: My order is late.\nassistant: Which one?\nuser: 7.\nassistant: On its way.",
            "An order is late.",
        )
    ]
    training = {"messages": messages[:2], "summary": "Which one?"}
    assert load(write(tmp_path, "b.jsonl", json.dumps(training))).rows[0].dialogue == "My order is late."


SAID_AND_ANSWERED = [{"role": "user", "content": "My order is late."}, {"role": "assistant", "content": "Which one?"}]


@pytest.mark.parametrize(
    ("messages", "dialogue", "summary"),
    [
        (SAID_AND_ANSWERED, "user: My order is late.\nassistant: Which one?", "s"),
        (SAID_AND_ANSWERED[::-1], "assistant: Which one?\nuser: My order is late.", "s"),
        (SAID_AND_ANSWERED[:1], "My order is late.", "s"),
        ([{"role": "user", "content": "A: hi\nB: yo"}, SAID_AND_ANSWERED[1]], "A: hi\nB: yo", "Which one?"),
        ([{"role": "customer", "content": "hi"}, {"role": "agent", "content": "yo"}], "customer: hi\nagent: yo", "s"),
    ],
    ids=["one exchange", "the assistant begins", "no answer", "a dialogue in the message", "other roles"],
)
def test_which_of_messages_and_a_summary_is_read(tmp_path, messages, dialogue, summary):
    """Of a file of chats, those of one exchange were read as the user's message and its answer."""
    source = write(tmp_path, "a.jsonl", json.dumps({"messages": messages, "summary": "s"}))
    assert load(source).rows == [DialogueRow("row_1", dialogue, summary)]


def test_rows_of_which_only_the_last_message_is_read_are_said(tmp_path, caplog):
    row = {"messages": [*SAID_AND_ANSWERED, {"role": "user", "content": "7."}, {"role": "assistant", "content": "Ok."}]}
    source = write(
        tmp_path, "a.jsonl", "\n".join(json.dumps(one) for one in (row, {"messages": SAID_AND_ANSWERED}, row))
    )
    assert load(source).rows[0] == DialogueRow("row_1", "7.", "Ok.")
    assert [record.message for record in caplog.records] == [
        f"{source}: 2 rows hold several messages of the user: the last one is read as the dialogue, the answer to it "
        "as the summary; where all messages are the dialogue, name their column with data.dialogue_column"
    ]
    whole = load(source, need_summary=False, dialogue_column="messages").rows[0].dialogue
    assert whole == "user: My order is late.\nassistant: Which one?\nuser: 7.\nassistant: Ok."


def test_a_row_of_16777216_characters_is_read_and_no_longer_one(tmp_path):
    most = 16_777_216 - len('{"dialogue": "", "summary": "s"}')
    for more, rows in ((0, 1), (1, 0)):
        row = '{"dialogue": "' + "x" * (most + more) + '", "summary": "s"}'
        table = load(write(tmp_path, "a.json", f'[{row}, {{"dialogue": "d", "summary": "s"}}]'), on_bad_rows="drop")
        assert (len(table.rows) - 1, len(table.dropped)) == (rows, 1 - rows)
