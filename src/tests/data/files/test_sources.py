"""Loading of dialogues: text, bad rows, and the messages that users see."""

import os
import sys
import types
from pathlib import Path

import pytest

from src.commands.speech import in_korean
from src.config.schema import DataSettings
from src.data.files.records import BadRow
from src.data.files.sources import DialogueRow, load_dialogues
from src.tests.data.loading import load, refusal, write

DROP = DataSettings(on_bad_rows="drop")


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
