"""`yoyak summarize`: a text, a file, a folder, standard input, and tables whose rows come back with summaries."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from src.tests.tiny_models import DIALOGUES
from src.tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
MODEL = ("-e", "tiny.yaml")
ROWS = [
    {"id": "7", "note": 'a "quoted", note', "dialogue": DIALOGUES[0]},
    {"id": "7", "note": "", "dialogue": DIALOGUES[1]},
    {"id": "9", "note": "two\nlines", "dialogue": DIALOGUES[2]},
]


def write_table(path, rows=ROWS):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_csv(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def alone(yoyak, dialogue):
    """The summary of one dialogue by itself."""
    return json.loads(yoyak("summarize", dialogue, *MODEL, "--json").out)["summary"]


def test_a_text_a_file_and_standard_input_give_the_same(yoyak, tiny, monkeypatch):
    (tiny / "call.txt").write_text(DIALOGUES[0], encoding="utf-8")
    (tiny / "call_cp949.txt").write_bytes(DIALOGUES[1].encode("cp949"))
    summary = alone(yoyak, DIALOGUES[0])
    assert yoyak("summarize", "call.txt", *MODEL).out == summary + "\n"
    assert yoyak("summarize", DIALOGUES[0].replace("\n", "\\n"), *MODEL).out == summary + "\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(DIALOGUES[0]))
    assert yoyak("summarize", "-", *MODEL).out == summary + "\n"
    assert yoyak("summarize", "call_cp949.txt", *MODEL).out == alone(yoyak, DIALOGUES[1]) + "\n"
    assert yoyak("summarize", "call.txt", *MODEL, "--out", "one.txt").out == ""
    assert (tiny / "one.txt").read_text(encoding="utf-8") == summary + "\n"
    assert "--out one.txt: is there already" in yoyak("summarize", "call.txt", *MODEL, "--out", "one.txt").err


def test_exports_of_chats_are_read_as_turns(yoyak, tiny):
    turns = "2026년 11월 1일 일요일\n민수: 안녕 내일 봐\n지은: 응"
    summary = alone(yoyak, turns)
    pc = "2026년 11월 1일 일요일\n[민수] [오후 3:15] 안녕\n내일 봐\n[지은] [오후 3:16] 응\n"
    (tiny / "pc.txt").write_text(pc, encoding="utf-8")
    (tiny / "mac.csv").write_text(
        'Date,User,Message\n2026-11-01 15:15:20,"민수","안녕\n내일 봐"\n2026-11-01 15:16:00,지은,응\n'
    )
    (tiny / "chats").mkdir()
    (tiny / "chats" / "a.txt").write_text(pc, encoding="utf-8")
    for given in (pc, "pc.txt", "mac.csv"):
        result = yoyak("summarize", given, *MODEL)
        assert (result.code, result.out) == (0, summary + "\n")
        assert "yoyak: 2 messages of KakaoTalk" in result.err
    for given in ("chats", write_table(tiny / "cells.csv", [{"note": "n", "dialogue": pc}])):
        result = yoyak("summarize", given, *MODEL, "--json")
        assert result.code == 0, result.err
        row = json.loads(result.out)
        assert (row["dialogue"].strip(), row["summary"]) == (pc.strip(), summary)
    assert alone(yoyak, pc) == summary
    as_it_is = json.loads(yoyak("summarize", "pc.txt", *MODEL, "--json", "data.dialogue_format=turns").out)["summary"]
    assert as_it_is != summary


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_rows_come_back_in_order_with_all_columns(yoyak, tiny, suffix):
    table = tiny / f"calls{suffix}"
    if suffix == ".jsonl":
        table.write_text("".join(json.dumps(row | {"extra": [1]}) + "\n" for row in ROWS))
    else:
        write_table(table)
    to_file = yoyak("summarize", table, *MODEL, "--out", f"out{suffix}", "--batch-size", "2")
    assert to_file.code == 0
    assert f"3 summaries in out{suffix}, column summary" in to_file.err
    text = (tiny / f"out{suffix}").read_text(encoding="utf-8")
    if suffix == ".jsonl":
        rows = [json.loads(line) for line in text.splitlines()]
        assert all(row.pop("extra") == [1] for row in rows)
    else:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if suffix == ".tsv" else ","))
    assert [list(row) for row in rows] == [["id", "note", "dialogue", "summary"]] * 3
    assert [{name: row[name] for name in ROWS[0]} for row in rows] == ROWS
    assert [row["summary"] for row in rows] == [alone(yoyak, row["dialogue"]) for row in ROWS]
    assert yoyak("summarize", table, *MODEL).out == text
    as_json = yoyak("summarize", table, *MODEL, "--json").out
    assert [json.loads(line)["summary"] for line in as_json.splitlines()] == [row["summary"] for row in rows]


def test_a_summary_that_is_there_is_kept(yoyak, tiny):
    write_table(tiny / "rated.csv", [row | {"summary": f"mine {index}"} for index, row in enumerate(ROWS)])
    result = yoyak("summarize", "rated.csv", *MODEL)
    rows = read_csv(result.out)
    assert [row["summary"] for row in rows] == ["mine 0", "mine 1", "mine 2"]
    assert [row["generated_summary"] for row in rows] == [alone(yoyak, row["dialogue"]) for row in ROWS]
    assert "The input's column summary is kept; the new one is generated_summary" in result.err
    (tiny / "again.csv").write_text(result.out, encoding="utf-8", newline="")
    again = yoyak("summarize", "again.csv", *MODEL)
    assert (again.code, "has the columns summary and generated_summary already" in again.err) == (2, True)


def test_a_folder(yoyak, tiny):
    calls = tiny / "calls"
    calls.mkdir()
    for name, dialogue in (("b.txt", DIALOGUES[1]), ("a.txt", DIALOGUES[0])):
        (calls / name).write_text(dialogue, encoding="utf-8")
    (calls / "notes.md").write_text("not a dialogue")
    rows = read_csv(yoyak("summarize", calls, *MODEL).out)
    assert [row["fname"] for row in rows] == ["a.txt", "b.txt"]
    assert [row["summary"] for row in rows] == [alone(yoyak, DIALOGUES[0]), alone(yoyak, DIALOGUES[1])]
    (calls / "c.txt").write_text(" \n")
    refused = yoyak("summarize", calls, *MODEL, "--out", "out.csv")
    said = f"yoyak: {calls / 'c.txt'}: the dialogue is empty"
    assert (refused.code, refused.err.strip()) == (2, f"{said}; data.on_bad_rows=drop leaves such files out")
    assert not (tiny / "out.csv").exists()
    left = yoyak("summarize", calls, *MODEL, "data.on_bad_rows=drop")
    assert (left.code, read_csv(left.out)) == (0, rows)
    assert said in left.err
    for name in ("a.txt", "b.txt"):
        (calls / name).unlink()
    none = yoyak("summarize", calls, *MODEL, "data.on_bad_rows=drop")
    assert (none.code, none.err.splitlines()[-1]) == (2, f"yoyak: {calls}: no .txt file in this folder is a dialogue")


def test_a_finished_file_goes_on_with_new_rows(yoyak, tiny):
    write_table(tiny / "calls.csv", ROWS[:2])
    assert yoyak("summarize", "calls.csv", *MODEL, "--out", "out.csv").code == 0
    first = (tiny / "out.csv").read_text(encoding="utf-8")
    write_table(tiny / "calls.csv", [ROWS[2], *ROWS[:2]])
    grown = yoyak("summarize", "calls.csv", *MODEL, "--out", "out.csv", "--json")
    assert json.loads(grown.out) == {
        "out": "out.csv", "column": "summary", "rows": 3, "kept": 2, "unended": 1, "examples": 1,
        "prompts_cut": 0, "turns_cut": 0, "tokens_cut": 0, "long_summaries": 0,
    }  # fmt: skip
    rows = read_csv((tiny / "out.csv").read_text(encoding="utf-8"))
    assert rows[1:] == read_csv(first)
    assert [row["id"] for row in rows] == ["9", "7", "7"]
    full = yoyak("summarize", "calls.csv", *MODEL, "--out", "out.csv", "--json")
    assert json.loads(full.out) == {"out": "out.csv", "column": "summary", "rows": 3, "kept": 3, "unended": 0}
    sampled = yoyak("summarize", "calls.csv", *MODEL, "--out", "out.csv", "generation.do_sample=true")
    assert "out.csv: was made with generation.do_sample = false, not true; pass --overwrite" in sampled.err


@pytest.mark.slow
def test_a_killed_run_goes_on(yoyak, tiny):
    rows = [{"n": str(index), "dialogue": f"A: Is it {index}?\nB: Yes."} for index in range(60)]
    write_table(tiny / "many.csv", rows)
    out = tiny / "out.csv"
    how = ("model.dtype=fp32", "--max-new-tokens", "40", "--batch-size", "1")  # whatever is faster there and here
    command = ("summarize", "many.csv", *MODEL, *how, "--out", "out.csv")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "src.cli", *command], cwd=tiny, stderr=subprocess.DEVNULL, env=environment
    )
    wait_until(process, lambda: out.exists() and len(out.read_bytes().splitlines()) > 12)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=300)
    kept = read_csv(out.read_text(encoding="utf-8", errors="replace"))
    assert 5 <= len(kept) < 60
    again = yoyak(*command)
    assert again.code == 0
    assert " of 60 summaries already" in again.err
    done = read_csv(out.read_text(encoding="utf-8"))
    assert [{"n": row["n"], "dialogue": row["dialogue"]} for row in done] == rows
    by_number = {row["n"]: row for row in done}
    assert all(by_number[row["n"]] == row for row in kept[:-1])
    assert yoyak(*command[:-1], "whole.csv").code == 0
    assert (tiny / "whole.csv").read_bytes() == out.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("empty",), "empty: no .txt file in this folder"),
        (("none.csv",), "none.csv: no such file"),
        (("train.csv", "data.dialogue_column=text"), "no column 'text'"),
        (("twice.csv",), "twice.csv: the column 'a' occurs twice; rename one"),
        (("gaps.csv",), "gaps.csv:3: no dialogue; mend the rows or set data.on_bad_rows=drop"),
        (("train.csv", "--out", "out.xlsx"), "rows are written to .csv, .tsv, .jsonl files"),
        (("train.csv", "--out", "empty"), "--out empty: a folder"),
        (("train.csv", "--out", "./train.csv"), "is the input itself"),
        (("train.csv", "--out", "dev.csv"), "dev.csv: is there already, without dev.csv.settings.json"),
        (("A: Hi.", "--num-beams", "0"), "generation.num_beams = 0: must be a whole number of at least 1"),
        (
            ("A: Hi.", "--num-beams", "2", "generation.mbr_samples=3"),
            "tiny.yaml: generation: num_beams = 2 searches and mbr_samples draws; leave one out",
        ),
        (
            ("A: Hi.", "generation.min_new_tokens=9"),
            "generation.min_new_tokens = 9 is more than tokenizer.decoder_max_len = 8",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_2(yoyak, tiny, arguments, said):
    (tiny / "empty").mkdir()
    (tiny / "twice.csv").write_text("a,dialogue,a\n1,A: Hi.,2\n")
    (tiny / "gaps.csv").write_text("a,dialogue\n1,A: Hi.\n2,\n")
    result = yoyak("summarize", *arguments[:1], *MODEL, *arguments[1:])
    assert result.code == 2
    messages = [line for line in result.err.splitlines() if line.startswith("yoyak: ")]
    assert len(messages) == 1
    assert said in messages[0]
    assert result.out == ""


def test_dropped_rows_are_said(yoyak, tiny):
    (tiny / "gaps.csv").write_text("a,dialogue\n1,A: Hi.\n2,\n")
    result = yoyak("summarize", "gaps.csv", *MODEL, "data.on_bad_rows=drop")
    assert [row["a"] for row in read_csv(result.out)] == ["1"]
    assert "gaps.csv: 1 row is left out (no dialogue)" in result.err


def test_a_table_for_a_spreadsheet_begins_with_a_mark(yoyak, tiny):
    """Excel takes UTF-8 without one for the system's own encoding."""
    (tiny / "calls.csv").write_text("대화\n민수: 안녕\n", encoding="utf-8")
    how = (*MODEL, "data.dialogue_column=대화", "--spreadsheet")
    assert yoyak("summarize", "calls.csv", *how, "--out", "out.csv").code == 0
    assert (tiny / "out.csv").read_bytes().startswith("\ufeff대화,summary\n".encode())
    again = yoyak("summarize", "calls.csv", *how, "--out", "out.csv")
    assert "out.csv has 1 of 1 summary already" in again.err


def test_a_run_named_as_an_adapter_is_answered_with_its_model(yoyak, tiny):
    (tiny / "run" / "final_model").mkdir(parents=True)
    result = yoyak("summarize", "A: Hi.", "--adapter", "run")
    assert (result.code, result.err) == (2, "yoyak: run: is a run's folder; name run/final_model\n")


def test_summaries_that_end_in_a_loop_are_said_and_lose_their_repetition(yoyak, tiny):
    write_table(tiny / "calls.csv", ROWS)
    how, whole = (*MODEL, "--max-new-tokens", "40"), "generation.truncate_repetition=false"
    said = "1 summary ran into tokenizer.decoder_max_len in a loop"
    cut = f"{said}, whose repetition was cut off"
    plain, out = yoyak("summarize", "calls.csv", *how, whole), yoyak("summarize", "calls.csv", *how)
    assert said in plain.err
    assert cut not in plain.err
    assert cut in out.err
    before, after = ([row["summary"] for row in read_csv(result.out)] for result in (plain, out))
    assert before[1].endswith("2" * 12)
    assert after == [before[0], before[1].rstrip("2") + "2", before[2]]
    one = yoyak("summarize", DIALOGUES[1], *how, "--json")
    line = json.loads(one.out)
    assert (line["summary"], line["ended"], line["looped"]) == (after[1], False, 1)
    assert cut in one.err
    saved = yoyak("summarize", "calls.csv", *how, "--out", "out.csv", "--json")
    assert json.loads(saved.out)["looped"] == 1
    assert cut in saved.err
    assert (tiny / "out.csv").read_text(encoding="utf-8") == out.out
    assert said not in yoyak("summarize", "calls.csv", *how, "--out", "out.csv").err  # nothing was made


def test_a_file_of_whole_loops_does_not_go_on_without_their_repetition(yoyak, tiny):
    write_table(tiny / "calls.csv", ROWS)
    command = ("summarize", "calls.csv", *MODEL, "--out", "out.csv")
    assert yoyak(*command, "generation.truncate_repetition=false").code == 0
    kept = json.loads((tiny / "out.csv.settings.json").read_text(encoding="utf-8"))
    assert "generation.truncate_repetition" not in kept  # as in files of earlier versions, which go on with it
    assert yoyak(*command, "generation.truncate_repetition=false").code == 0
    other = yoyak(*command)
    assert (other.code, "was made with generation.truncate_repetition = null, not true" in other.err) == (2, True)
