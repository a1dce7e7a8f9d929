"""Decomposed Hangul (as macOS writes it) and characters without width: equal words are equal everywhere."""

import json
import logging
import re
import unicodedata
import warnings

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.cli import main
from src.config.schema import DataSettings
from src.data.files.sources import load_dialogues, read_dialogues
from src.data.prompt.templates import create_prompt_template
from src.data.tools.check import check_file
from src.errors import YoyakError
from src.evaluation.summary_files import join_files
from src.runs.data_watch import fingerprint
from src.tests.real_tokenizers import tiny_tokenizer

DIALOGUE, SUMMARY = "민수: 오늘 회의\n지영: 네", "민수가 회의를 한다."
KOREAN = DataSettings(dialogue_column="대화", summary_column="요약", id_column="이름")


def apart(text):
    """Decomposed: each syllable of two or three characters."""
    return unicodedata.normalize("NFD", text)


ROW = {apart("이름"): apart("첫째"), apart("대화"): apart(DIALOGUE), apart("요약"): apart(SUMMARY)}


def write(path, rows):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    else:
        mark = "\t" if path.suffix == ".tsv" else ","
        cells = [list(rows[0]), *([row[name] for name in rows[0]] for row in rows)]
        lines = [mark.join(f'"{cell}"' for cell in line) for line in cells]
        path.write_text("\r\n".join(lines), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl", ".parquet"])
def test_columns_texts_and_ids_of_every_reader(suffix, tmp_path):
    source = write(
        tmp_path / f"rows{suffix}", [ROW, {"이름": "둘째", "대화": "a: b", "요약": "c"} | dict.fromkeys(ROW)]
    )
    if suffix in (".csv", ".tsv"):
        source = write(tmp_path / f"row{suffix}", [ROW])
    table = read_dialogues(source, KOREAN, keep_values=True)
    row = table.rows[0]
    assert (row.fname, row.dialogue, row.summary) == ("첫째", DIALOGUE, SUMMARY)
    assert table.values[0] == {"이름": "첫째", "대화": DIALOGUE, "요약": SUMMARY}
    assert table.composed_rows == 1


def test_the_names_of_columns_in_settings_too(tmp_path):
    settings = DataSettings(dialogue_column=apart("대화"), summary_column="요\u200b약")
    assert (settings.dialogue_column, settings.summary_column) == ("대화", "요약")
    table = load_dialogues(write(tmp_path / "rows.csv", [ROW]), settings)
    assert table.rows[0].dialogue == DIALOGUE
    assert table.composed_columns == ["이름", "대화", "요약"]


def test_chats_inside_rows(tmp_path):
    chat = [{"role": "user", "content": apart(DIALOGUE)}, {"role": "assistant", "content": apart(SUMMARY)}]
    row = load_dialogues(write(tmp_path / "rows.jsonl", [{"messages": chat}]), DataSettings()).rows[0]
    assert (row.dialogue, row.summary) == (DIALOGUE, SUMMARY)


def test_a_header_with_byte_order_marks_and_characters_without_width(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("\ufeff\u200bdialogue,sum\u2060mary\ufeff\nA: a\u200db,c\n", encoding="utf-8-sig")
    table = load_dialogues(str(path), DataSettings())
    assert [(row.dialogue, row.summary) for row in table.rows] == [("A: a\u200db", "c")]  # joins emoji: text stays
    assert (table.composed_rows, table.composed_columns) == (0, ["dialogue", "summary"])


def test_a_column_in_both_forms(tmp_path):
    columns = write(tmp_path / "rows.csv", [{"대화": "a: b", apart("대화"): "c: d", "요약": "e"}])
    with pytest.raises(YoyakError, match=r"rows\.csv: the column '대화' occurs twice; rename one"):
        load_dialogues(columns, KOREAN)
    keys = write(
        tmp_path / "rows.jsonl", [{"대화": "a: b", apart("대화"): "c: d", "요약": "e"}, {"대화": "a", "요약": "b"}]
    )
    table = read_dialogues(keys, KOREAN)
    assert [(bad.line, bad.reason, bad.detail) for bad in table.dropped] == [
        (1, "repeated column", "'대화', written in two ways")
    ]
    assert len(table.rows) == 1


def test_it_is_said_once(tmp_path, caplog):
    source = write(tmp_path / "rows.csv", [ROW])
    load_dialogues(source, KOREAN)
    load_dialogues(source, KOREAN)
    assert [record.message for record in caplog.records] == [
        f"{source}: the names of the columns 이름, 대화, 요약 and 1 row held decomposed characters (as macOS writes "
        "Hangul) or, in names, characters without width; they were composed (NFC)"
    ]
    caplog.clear()
    load_dialogues(write(tmp_path / "plain.csv", [{"대화": DIALOGUE, "요약": SUMMARY}]), KOREAN)
    assert caplog.records == []


def test_check_counts_the_rows(tmp_path, capsys):
    rows = [ROW, {name: "a: b" if apart("대화") == name else "둘째" for name in ROW}]
    source = write(tmp_path / "rows.csv", rows)
    report = check_file(source, KOREAN)
    assert (report.composed_rows, report.composed_columns) == (1, ["이름", "대화", "요약"])
    arguments = ["data", "check", source, "data.dialogue_column=대화", "data.summary_column=요약"]
    arguments += ["data.id_column=이름", "model.checkpoint=./nowhere"]

    def shown(*options):
        with warnings.catch_warnings(), pytest.raises(SystemExit):  # a command sets the warnings of its process
            main([*arguments, *options])
        logging.captureWarnings(False)
        return capsys.readouterr().out

    assert re.search(r"composed \(NFC\) +1 row, column names 이름, 대화, 요약", shown())
    as_json = json.loads(shown("--json"))
    assert (as_json["composed_rows"], as_json["rows"]) == (1, 2)


@pytest.mark.parametrize(("stored", "asked"), [(apart, str), (str, apart)])
def test_names_of_files_and_folders(stored, asked, tmp_path):
    folder = tmp_path / stored("회의")
    folder.mkdir()
    write(folder / stored("대화.csv"), [ROW])
    source = str(tmp_path / asked("회의") / asked("대화.csv"))
    assert load_dialogues(source, KOREAN).rows[0].dialogue == DIALOGUE
    assert fingerprint(source) == fingerprint(str(folder / stored("대화.csv")))
    with pytest.raises(YoyakError, match="no such file"):
        load_dialogues(str(tmp_path / asked("회의") / "없음.csv"), KOREAN)


def test_equal_texts_score_100(tmp_path):
    references = write(tmp_path / "references.csv", [{"fname": "가", "summary": SUMMARY}])
    predictions = write(tmp_path / "predictions.jsonl", [{"fname": apart("가"), apart("요약"): apart(SUMMARY)}])
    joined = join_files(predictions, references, column=apart("요약"))
    assert joined.predictions == [SUMMARY]
    assert joined.references == [[SUMMARY]]


def test_requests_and_calls_get_the_same_tokens():
    template = create_prompt_template(tiny_tokenizer("chatml"))
    assert template.encode_example(apart(DIALOGUE), apart(SUMMARY)) == template.encode_example(DIALOGUE, SUMMARY)
