"""Rows as text: what is written is read back, and a row that breaks off is not."""

import pytest

from src.errors import YoyakError
from src.inference.row_formats import Delimited, JsonLines, refuse_other_formats, row_format

ROWS = [
    {"id": "1", "text": 'He said "no",\nthen left.', "n": "3"},
    {"id": "2", "text": "탭\t과 \r\n줄\r바꿈", "n": ""},
]
COLUMNS = ("id", "text", "n")


def test_csv_is_written_as_usual():
    table = Delimited(COLUMNS)
    assert table.header() + table.line(ROWS[0]) == 'id,text,n\n1,"He said ""no"",\nthen left.",3\n'


def test_tsv_is_separated_by_tabs():
    table = row_format(".tsv", COLUMNS)
    assert table.header() + table.line({"id": "1", "text": "a, b", "n": "c\td"}) == 'id\ttext\tn\n1\ta, b\t"c\td"\n'
    assert row_format(".csv", COLUMNS).line({"id": "1", "text": "a, b", "n": "c\td"}) == '1,"a, b",c\td\n'


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_what_is_written_is_read_back(suffix):
    table = row_format(suffix, COLUMNS)
    text = table.header() + "".join(table.line(row) for row in ROWS)
    assert table.parse(text, "x") == ROWS


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_wherever_it_breaks_off_only_whole_rows_are_read(suffix):
    table = row_format(suffix, COLUMNS)
    first = table.header() + table.line(ROWS[0])
    whole = first + table.line(ROWS[1])
    for end in range(len(whole)):
        rows = table.parse(whole[:end], "x")
        assert rows == ([] if end < len(first) else ROWS[:1])
    assert table.parse(whole, "x") == ROWS


def test_values_that_are_no_text():
    row = {"id": 1, "text": None, "n": [1, {"a": "가"}]}
    assert Delimited(COLUMNS).line(row) == '1,,"[1, {""a"": ""가""}]"\n'
    assert Delimited(COLUMNS).stored(row) == {"id": "1", "text": "", "n": '[1, {"a": "가"}]'}
    assert JsonLines().line(row) == '{"id": 1, "text": null, "n": [1, {"a": "가"}]}\n'
    assert Delimited(["a"]).line({"a": "half \ud83d"}) == "half \\ud83d\n"


def test_other_content_is_one_line():
    with pytest.raises(YoyakError, match=r"out\.csv: its columns are a, b, not id, text, n"):
        Delimited(COLUMNS).parse("a,b\n1,2\n", "out.csv")
    with pytest.raises(YoyakError, match=r"out\.csv: its columns are id, n, text, not id, text, n"):
        Delimited(COLUMNS).parse("id,n,text\n1,2,3\n", "out.csv")
    with pytest.raises(YoyakError, match=r"out\.jsonl:2: broken JSON .*--overwrite"):
        JsonLines().parse('{"a": 1}\n{"a":\n', "out.jsonl")
    with pytest.raises(YoyakError, match=r"out\.jsonl:1: not a JSON object"):
        JsonLines().parse("[1]\n", "out.jsonl")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(YoyakError, match=r"--out x\.parquet: rows are written to \.csv, \.tsv, \.jsonl files"):
        refuse_other_formats(tmp_path.relative_to(tmp_path) / "x.parquet")
    with pytest.raises(YoyakError, match=r"a folder; name a file in it, such as .*summaries\.csv"):
        refuse_other_formats(tmp_path)


def test_lines_that_are_deeper_than_python_reads():
    with pytest.raises(YoyakError, match=r"^a.jsonl:1: broken JSON \(maximum recursion depth"):
        row_format(".jsonl", []).parse("[" * 100_000 + "\n", "a.jsonl")


def test_formulas_are_text_where_a_spreadsheet_is_meant():
    cells = {
        "=a": "=HYPERLINK(1)",
        "b": "+1 for it",
        "c": "-5",
        "d": "-2.5 or",
        "e": "@x",
        "f": " \t=1",
        "g": "a=1",
        "h": "'=x",
    }
    table = Delimited(list(cells), formulas_as_text=True)
    written = table.header() + table.line(cells)
    assert written == "\ufeff'=a,b,c,d,e,f,g,h\n'=HYPERLINK(1),'+1 for it,-5,'-2.5 or,'@x,' \t=1,a=1,'=x\n"
    assert table.parse(written, "x.csv") == [table.stored(cells)] == [cells | {"h": "=x"}]
    assert Delimited(list(cells)).line(cells) == "=HYPERLINK(1),+1 for it,-5,-2.5 or,@x, \t=1,a=1,'=x\n"
    assert row_format(".tsv", ["a"], formulas_as_text=True).line({"a": "=1"}) == "'=1\n"
