"""What `yoyak summarize` is given: dialogues stay dialogues, names of what isn't there are refused."""

import io
import os
import sys

import pytest

from src.commands.dialogue_text import as_path, looks_like_path, read_dialogue
from src.errors import YoyakError


@pytest.mark.parametrize(
    "text",
    [
        "missing.jsonl", "my calls.csv", "calls of may.TSV", "nofolder/", "call.docx", "call.PDF", "2026.05.01.txt",
        "a/b", "data/raw/train", "../calls", "./a", "~/calls of may", "/no/where", r"C:\calls\may.csv", "C:/calls/may",
        "notes\\may", "x.log", "통화 기록.csv", "통화.hwp", "file:///tmp/a.csv", "https://example.org/a", "s3://b/k",
        "calls.xyz", "*.csv", " missing.csv ",
    ],
)  # fmt: skip
def test_names_look_like_paths(text):
    assert looks_like_path(text)


@pytest.mark.parametrize(
    "text",
    [
        "A: see file.csv",
        "A: see notes/may.csv\nB: ok",
        "A: either/or?\\nB: both/and",
        "민수: 보고서.docx 열어 봐",
        "#Person1#: https://example.org/a.csv",
        "We talked about bread and/or butter for an hour",
        "hello",
        "He said hello. She said goodbye.",
        "We meet at 10.30",
        "A: hi B: yo.",
        "오늘 3.5km 뛰었어.",
        "Did you open the report? Yes.",
    ],
)
def test_dialogues_do_not(text):
    assert not looks_like_path(text)
    assert read_dialogue(text) == text.replace("\\n", "\n")


@pytest.mark.parametrize("name", ["missing.jsonl", "my calls.csv", "nofolder/", "call.docx"])
def test_what_is_not_there_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(YoyakError) as caught:
        as_path(name)
    assert str(caught.value) == f"{name}: no such file; a dialogue has speakers, such as 'A: hello'"


def test_the_nearest_name_is_offered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "calls.csv").write_text("dialogue\nA: a\n")
    with pytest.raises(YoyakError, match=r"^cals.csv: no such file; did you mean 'calls.csv'\?; a dialogue has"):
        as_path("cals.csv")


def test_what_is_there_is_a_path_whatever_it_looks_like(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "A: see it").write_text("A: hi\r\nB: yo\rA: bye\n")
    assert as_path("A: see it") is not None
    assert read_dialogue("~/A: see it") == "A: hi\nB: yo\nA: bye\n"
    (tmp_path / "calls").mkdir()
    with pytest.raises(YoyakError, match=r"^calls/may of 2026 with three: no such file"):
        as_path("calls/may of 2026 with three")


@pytest.mark.parametrize(("suffix", "advice"), [("xlsx", "save the sheet as CSV (UTF-8)"), ("hwp", "save it as .txt")])
def test_documents_that_are_there(tmp_path, suffix, advice):
    path = tmp_path / f"a.{suffix}"
    path.write_text("A: hi")
    with pytest.raises(YoyakError) as caught:
        as_path(str(path))
    assert str(caught.value) == f"{path}: cannot read .{suffix} files; {advice}"


def test_a_pipe_is_read(tmp_path):
    end, start = os.pipe()
    with os.fdopen(start, "w") as stream:
        stream.write("A: hi")
    assert read_dialogue(f"/dev/fd/{end}") == "A: hi"
    os.close(end)


@pytest.mark.parametrize(
    ("content", "encoding"), [("가: 안녕".encode("cp949"), "auto"), ("A: can’t".encode("cp1252"), "cp1252")]
)
def test_standard_input_is_decoded_as_files_are(monkeypatch, content, encoding):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert read_dialogue("-", encoding) == content.decode("cp949" if encoding == "auto" else encoding)


def test_standard_input_in_windows_1252_is_not_taken_for_korean(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("A: can’t".encode("cp1252"))))
    with pytest.raises(YoyakError, match=r"^-:1: not UTF-8, and no Korean in CP949"):
        read_dialogue("-")
