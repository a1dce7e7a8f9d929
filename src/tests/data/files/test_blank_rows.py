"""Rows that a sheet leaves blank are left out and counted, in every format; rows with a value are not."""

import json
import math

import pytest

from src.commands import speech
from src.config.schema import DataSettings
from src.data.files.sources import load_dialogues
from src.errors import YoyakError
from src.evaluation.summary_files import read_summaries

BLANK, SPACES = ("", "", ""), (" ", "\u3000", "\t")
ROWS = [("a", "Anna: Hi.", "Greeting."), BLANK, ("c", "Ben: Bye.", "Parting."), SPACES, BLANK]
NAMES = ("fname", "dialogue", "summary")


def write(folder, suffix):
    path = folder / f"rows{suffix}"
    if suffix == ".parquet":
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        columns = {name: [row[place] or None for row in ROWS] for place, name in enumerate(NAMES)}
        columns["score"] = [1.0, math.nan, 2.0, math.nan, math.nan]
        pq.write_table(pa.table(columns), path)
        return path
    objects = [{name: value or None for name, value in zip(NAMES, row, strict=True)} for row in ROWS]
    text = {
        ".csv": "\n".join(",".join(f'"{value}"' if value else "" for value in row) for row in [NAMES, *ROWS]),
        # The last row has more fields than the header.
        ".tsv": "\n".join("\t".join(row) for row in [NAMES, *ROWS[:3], (" ", "\u3000", ""), ("", *BLANK)]) + "\n",
        ".json": json.dumps(objects, indent=1),
        ".jsonl": "\n".join(map(json.dumps, objects)),
    }[suffix]
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl", ".parquet"])
def test_blank_rows_are_left_out_and_counted(tmp_path, suffix, caplog):
    path = write(tmp_path, suffix)
    table = load_dialogues(str(path), DataSettings())
    assert [(row.fname, row.dialogue, row.summary) for row in table.rows] == [ROWS[0], ROWS[2]]
    assert table.dropped == []
    assert f"{path}: 3 rows without a value in any column left out, the first in " in caplog.text
    (record,) = [one for one in caplog.records if "left out" in one.getMessage()]
    try:
        speech._spoken = "ko"
        assert "모든 열이 빈 행 3개를 뺐습니다" in speech.said_record(record)
    finally:
        speech._spoken = "en"
    assert [one.values["fname"] for one in read_summaries(str(path)).records] == ["a", "c"]


@pytest.mark.parametrize("row", ["c,,", ",Ben: Bye.,", ",,Parting.", ",x,y,z"])
def test_a_row_with_a_value_stays_what_it_is(tmp_path, row):
    path = tmp_path / "rows.csv"
    path.write_text(f"fname,dialogue,summary\na,Anna: Hi.,Greeting.\n{row}\n")
    with pytest.raises(YoyakError, match=r"rows\.csv:3: (no dialogue|no summary|wrong number of fields)"):
        load_dialogues(str(path), DataSettings())


def test_the_blank_cell_of_a_single_column_is_a_row(tmp_path):
    path = tmp_path / "summaries.csv"
    path.write_text('summary\nOne.\n""\nThree.\n')
    assert read_summaries(str(path)).texts("summary") == ["One.", "", "Three."]


def test_a_file_of_blank_rows_has_none(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("fname,dialogue,summary\n,,\n,,\n")
    with pytest.raises(YoyakError, match=r"rows\.csv: a header but no rows"):
        load_dialogues(str(path), DataSettings())
