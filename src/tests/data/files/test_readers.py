"""Readers of dialogue files: formats, encodings, quoting, line numbers, damaged files, memory."""

import csv
import json
import tracemalloc
from pathlib import Path

import pytest

from src.data.files.records import BadRow
from src.data.files.sources import DialogueRow
from src.tests.data.loading import load, refusal, write


def test_csv_with_all_columns_and_quoted_newlines(tmp_path):
    table = load(write(tmp_path, "a.csv", 'fname,dialogue,summary,topic\nd1,"A: hi\nB: ""yo""",They greet.,hello\n'))
    assert table.rows == [DialogueRow("d1", 'A: hi\nB: "yo"', "They greet.", "hello")]
    assert (table.encoding, table.unit, table.dropped) == ("utf-8", "line", [])
    assert table.source == str(tmp_path / "a.csv")


def test_csv_without_id_and_topic_columns_names_rows_by_number(tmp_path):
    table = load(write(tmp_path, "a.csv", "dialogue,summary\n,s\n\nb,t\n"), on_bad_rows="drop")
    assert table.rows == [DialogueRow("row_2", "b", "t", None)]


def test_tsv(tmp_path):
    table = load(write(tmp_path, "a.TSV", 'fname\tdialogue\tsummary\nx\t"A: 1, 2\nB: 3"\ts\n'))
    assert table.rows == [DialogueRow("x", "A: 1, 2\nB: 3", "s", None)]


def test_json_list_of_objects(tmp_path):
    table = load(write(tmp_path, "a.json", '[{"fname": "x", "dialogue": "d", "summary": "s", "topic": "t"}]'))
    assert table.rows == [DialogueRow("x", "d", "s", "t")]


def test_json_object_with_one_list_among_other_keys_keeps_line_numbers(tmp_path):
    text = '{"version": {"data": 1},\n "data": [\n  {"dialogue": "d",\n   "summary": "s"},\n  {"dialogue": ""}\n]\n}\n'
    table = load(write(tmp_path, "a.json", text), on_bad_rows="drop")
    assert table.rows == [DialogueRow("row_1", "d", "s")]
    assert table.dropped == [BadRow(5, "no dialogue")]


def test_json_lines_under_either_suffix(tmp_path):
    text = '{"dialogue": "a\\u2028b", "summary": "s"}\n\n{"dialogue": "c", "summary": "t"}\n'
    for name in ("a.jsonl", "a.json"):
        assert load(write(tmp_path, name, text)).rows == [
            DialogueRow("row_1", "a\nb", "s"),
            DialogueRow("row_2", "c", "t"),
        ]


def test_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    columns = {"fname": ["x", "y"], "dialogue": [" d ", None], "summary": ["s", "t"], "topic": [None, 3]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    table = load(str(tmp_path / "a.parquet"), on_bad_rows="drop")
    assert table.rows == [DialogueRow("x", "d", "s", None)]
    assert table.dropped == [BadRow(2, "no dialogue")]
    assert refusal(str(tmp_path / "a.parquet")).startswith("FILE: row 2: no dialogue; mend the rows")


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_messages_layout_takes_the_last_user_message_and_its_answer(tmp_path, suffix):
    turns = [
        {"role": "system", "content": "You summarize."},
        {"role": "user", "content": "An example"},
        {"role": "assistant", "content": "Its summary"},
        {"role": "user", "content": "Summarize:\nA: hi"},
        {"role": "assistant", "content": "A greets."},
    ]
    row = json.dumps({"fname": "x", "messages": turns})
    table = load(write(tmp_path, f"a.{suffix}", f"[{row}]" if suffix == "json" else row))
    assert table.rows == [DialogueRow("x", "Summarize:\nA: hi", "A greets.")]


def test_messages_without_an_answer_to_the_last_user_message_have_no_summary(tmp_path):
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    source = write(tmp_path, "a.jsonl", json.dumps({"messages": turns}))
    assert refusal(source).startswith("FILE:1: no summary;")
    assert load(source, need_summary=False).rows == [DialogueRow("row_1", "c", "")]


def test_a_json_file_that_is_one_conversation(tmp_path):
    turns = [{"role": "user", "content": "d"}, {"role": "assistant", "content": "s"}]
    assert load(write(tmp_path, "a.json", json.dumps({"messages": turns}))).rows == [DialogueRow("row_1", "d", "s")]


def test_sharegpt_layout(tmp_path):
    turns = [{"from": "system", "value": "x"}, {"from": "human", "value": "d"}, {"from": "gpt", "value": "s"}]
    assert load(write(tmp_path, "a.jsonl", json.dumps({"conversations": turns}))).rows == [
        DialogueRow("row_1", "d", "s")
    ]


def test_the_layout_of_trl_has_messages_in_prompt_and_completion(tmp_path):
    prompt = [{"role": "system", "content": "x"}, {"role": "user", "content": "d"}]
    row = {"fname": "x", "prompt": prompt, "completion": [{"role": "assistant", "content": "s"}]}
    assert load(write(tmp_path, "a.jsonl", json.dumps(row))).rows == [DialogueRow("x", "d", "s")]
    texts = json.dumps({"prompt": "d", "completion": "s"})
    assert refusal(write(tmp_path, "b.jsonl", texts)).endswith(
        "use data.dialogue_column=prompt data.summary_column=completion"
    )
    half = json.dumps(row | {"completion": "s"})
    named = load(write(tmp_path, "c.jsonl", half), dialogue_column="prompt", summary_column="completion")
    assert [one.summary for one in named.rows] == ["s"]


def test_message_content_that_is_not_text_is_a_bad_row(tmp_path):
    turns = [
        {"role": "user", "content": [{"type": "image_url", "image_url": "x"}]},
        {"role": "assistant", "content": "s"},
    ]
    message = refusal(write(tmp_path, "a.jsonl", json.dumps({"messages": turns})))
    assert message.startswith("FILE:1: not text: column 'dialogue' holds a part of type 'image_url';")


@pytest.mark.parametrize(
    ("written", "recorded"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("cp949", "cp949"), ("euc-kr", "cp949")]
)
def test_encodings_are_detected_and_recorded(tmp_path, written, recorded):
    table = load(write(tmp_path, "a.csv", "dialogue,summary\n가: 안녕,인사\n".encode(written)))
    assert table.rows == [DialogueRow("row_1", "가: 안녕", "인사")]
    assert table.encoding == recorded


def test_byte_order_mark_in_json_lines(tmp_path):
    table = load(write(tmp_path, "a.jsonl", b'\xef\xbb\xbf{"dialogue": "d", "summary": "s"}'))
    assert (table.rows, table.encoding) == ([DialogueRow("row_1", "d", "s")], "utf-8-sig")


def test_undecodable_bytes_are_located_for_each_encoding(tmp_path):
    # "가" is b0 a1 in CP949 (no UTF-8: fails at once, byte 17); ff is in neither, at byte 36 after "\n" in line 3.
    source = write(tmp_path, "a.csv", b"dialogue,summary\n" + b"\xb0\xa1" * 8 + b",s\n\xff,s\n")
    assert refusal(source) == (
        "FILE: cannot be decoded: utf-8 fails at byte 17 (line 2), cp949 fails at byte 36 (line 3); "
        "save the file as UTF-8, or name its encoding with data.encoding"
    )


def test_field_beyond_the_default_limit_of_the_csv_module(tmp_path):
    csv.field_size_limit(131_072)
    source = write(tmp_path, "a.csv", "dialogue,summary\n" + "x" * 200_000 + ",s\n")
    assert len(load(source).rows[0].dialogue) == 200_000


def test_unclosed_quote(tmp_path):
    table = load(write(tmp_path, "a.csv", 'dialogue,summary\nd,s\n"e,s\nf,s\n'), on_bad_rows="drop")
    assert len(table.rows) == 1
    assert table.dropped == [
        BadRow(3, "broken quoting", "a quote is opened and not closed up to the file's end in line 4")
    ]


def test_text_after_a_closing_quote_spoils_its_own_row_only(tmp_path):
    table = load(write(tmp_path, "a.csv", 'dialogue,summary\n"say\n"hi" now",s\nf,s\n'), on_bad_rows="drop")
    assert [row.dialogue for row in table.rows] == ["f"]
    assert [(bad.line, bad.reason) for bad in table.dropped] == [(2, "broken quoting")]


def test_broken_quoting_in_the_header(tmp_path):
    message = refusal(write(tmp_path, "a.csv", '"dialogue,summary\nd,s\n'))
    assert message.startswith("FILE:1: broken quoting in the header: a quote is opened")


def test_broken_json_lines(tmp_path):
    text = '{"dialogue": "a", "summary": "s"}\n{"dialogue": "a", \n[1]\n{"dialogue": "\\ud83d", "summary": "s"}\n'
    table = load(write(tmp_path, "a.jsonl", text), on_bad_rows="drop")
    assert len(table.rows) == 1
    assert [(bad.line, bad.reason) for bad in table.dropped] == [
        (2, "broken JSON"),
        (3, "not an object"),
        (4, "broken character"),
    ]
    assert table.dropped[2].detail == "a lone surrogate in column 'dialogue'"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "", "FILE: the file is empty"),
        ("a.csv", "\n\n", "FILE: the file is empty"),
        ("a.csv", "dialogue,summary\n", "FILE: a header but no rows"),
        ("a.json", " \n", "FILE: the file is empty"),
        ("a.json", "[]", "FILE: no rows"),
        ("a.jsonl", "\n", "FILE: no rows"),
        ("a.json", "3", "FILE: expected a list of objects, or an object with one list, not a single value"),
        (
            "a.json",
            '{"a": 1}',
            "FILE: expected a list of objects, or an object with one list, not an object without a list",
        ),
        ("a.json", '[{"a": 1},\n {"a" 2}]', "FILE:2: not valid JSON: Expecting ':' delimiter (column 7)"),
        ("a.json", '[{"a": 1}\n', "FILE:2: not valid JSON: Expecting ',' or ']' (column 1)"),
        ("a.json", "{} x", "FILE:1: not valid JSON: Extra data (column 4)"),
        ("a.json", "[] x", "FILE:1: not valid JSON: Extra data (column 4)"),
        ("a.json", '{"a": ', "FILE:1: not valid JSON: Expecting value (column 7)"),
        ("a.parquet", "PAR1", "FILE: not a Parquet file"),
        ("a.xlsx", "PK", "FILE: cannot read '.xlsx' files"),
        ("a", "dialogue", "FILE: cannot read files without a suffix"),
    ],
)
def test_files_without_rows(tmp_path, name, content, expected):
    assert refusal(write(tmp_path, name, content)).startswith(expected)


def test_json_object_with_two_lists(tmp_path):
    message = refusal(write(tmp_path, "a.json", '{"dialogue": ["d"], "summary": ["s"]}'))
    assert message.endswith("not an object with the lists dialogue, summary")


def test_excel_files_are_told_to_be_saved_as_csv(tmp_path):
    assert refusal(write(tmp_path, "a.xlsx", "PK")).endswith("save the sheet as CSV (UTF-8)")


@pytest.mark.parametrize(("suffix", "most_times_the_size"), [("csv", 3), ("jsonl", 3), ("json", 5)])
def test_memory_stays_within_a_few_times_the_file_size(tmp_path, suffix, most_times_the_size):
    rows = [{"dialogue": f"{number} " + "x" * 2000, "summary": "s"} for number in range(1000)]
    text = {
        "csv": "dialogue,summary\n" + "".join(f"{row['dialogue']},s\n" for row in rows),
        "jsonl": "\n".join(json.dumps(row) for row in rows),
        "json": json.dumps({"data": rows}),
    }[suffix]
    source = write(tmp_path, f"a.{suffix}", text)
    tracemalloc.start()
    try:
        assert len(load(source).rows) == 1000
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < most_times_the_size * Path(source).stat().st_size


def test_line_of_blanks_is_no_row(tmp_path):
    table = load(write(tmp_path, "a.csv", "dialogue,summary\nd,s\n   \n"))
    assert len(table.rows) == 1


def test_number_too_long_to_convert_is_a_bad_row(tmp_path):
    source = write(tmp_path, "a.jsonl", f'{{"dialogue": {"1" * 5000}}}')
    assert refusal(source).startswith("FILE:1: broken JSON: Exceeds the limit")


def test_number_too_long_to_convert_in_a_list(tmp_path):
    assert refusal(write(tmp_path, "a.json", f"[{'1' * 5000}]")).startswith("FILE: not valid JSON: Exceeds the limit")


def test_messages_that_are_no_conversation(tmp_path):
    source = write(tmp_path, "a.jsonl", '{"messages": ["hi"], "dialogue_id": 1}')
    assert refusal(source).startswith(
        "FILE: no column 'dialogue' and 'summary'; its columns are messages, dialogue_id;"
    )


def test_parquet_with_damaged_pages(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"dialogue": ["d" * 50], "summary": ["s"]}), path, use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[4:40] = b"\xff" * 36  # the first page's header, after the file's magic number
    path.write_bytes(content)
    assert refusal(str(path)).startswith("FILE: unreadable after row 0 (")


def test_parquet_with_a_damaged_footer(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"dialogue": ["d"], "summary": ["s"]}), path)
    content = bytearray(path.read_bytes())
    content[-60:-8] = b"\xff" * 52  # the end of the footer, before its length and the magic number
    path.write_bytes(content)
    assert refusal(str(path)).startswith("FILE: cannot be read (")


def test_names_in_a_header_are_stripped(tmp_path):
    assert load(write(tmp_path, "a.csv", " dialogue ,summary\t\nd,s\n")).rows == [DialogueRow("row_1", "d", "s")]


@pytest.mark.parametrize(("line", "bad"), [("  ", 0), ("x", 1), (" , , ", 0), (",,x", 1)])
def test_only_a_line_of_blanks_or_of_blank_fields_is_no_row(tmp_path, line, bad):
    table = load(write(tmp_path, "a.csv", f"dialogue,summary\nd,s\n{line}\n"), on_bad_rows="drop")
    assert [found.reason for found in table.dropped] == ["wrong number of fields"] * bad
