"""The report of `yoyak data check`: counts worked out by hand, and what a console shows of them."""

import io
import json
from pathlib import Path

import pytest

from src.config.schema import DataSettings
from src.data.tools.check import BadRows, Bin, Distribution, check_file, count_bins
from src.data.tools.check_tables import render
from src.errors import YoyakError

SETTINGS = DataSettings()
# Two usable rows with equal dialogues, one longer row, then three bad ones in lines 10, 11 and 12.
CSV = """fname,dialogue,summary
a,"Ann: hi
Bob: yo",S.
b,"Ann: hi
Bob: yo",Sum.
c,"Ann: at 10:30
https://a.b

10:30 is late",Su.
d,,S.
e,x,
f,
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(CSV, encoding="utf-8")
    return str(path)


def shown(report) -> str:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=100)
    console.print(render(report))
    return console.file.getvalue()


def test_percentiles_are_by_nearest_rank():
    assert Distribution.of([5, 1, 3, 2]) == Distribution(mean=2.75, p50=2, p95=5, max=5)
    assert Distribution.of(range(1, 101)) == Distribution(mean=50.5, p50=50, p95=95, max=100)
    assert Distribution.of([]) == Distribution(0.0, 0, 0, 0)


def test_a_speaker_counts_once_a_dialogue(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('dialogue,summary\n"Ann: hi\nBob: yo\nAnn: bye",S\n"Ann: ah\nAnn: oh",S\n', encoding="utf-8")
    report = check_file(str(path), SETTINGS)
    assert report.speakers == Distribution(1.5, 1, 2, 2)
    assert report.common_speakers == {"Ann": 2, "Bob": 1}


def test_report_counts(source):
    report = check_file(source, SETTINGS)
    assert (report.rows, report.encoding, report.unit, report.duplicate_dialogues) == (3, "utf-8", "line", 1)
    assert report.bad_rows == {
        "no dialogue": BadRows(1, [10], [""]),
        "no summary": BadRows(1, [11], [""]),
        "wrong number of fields": BadRows(1, [12], ["2 instead of 3"]),
    }
    assert report.turns == Distribution(7 / 3, 2, 3, 3)
    assert report.turns_without_speaker == 2  # the web address and the time of day
    assert report.speakers == Distribution(5 / 3, 2, 2, 2)
    assert report.common_speakers == {"Ann": 3, "Bob": 2}
    assert report.dialogue_chars == Distribution((15 + 15 + 40) / 3, 15, 40, 40)
    assert report.summary_chars == Distribution(3.0, 3, 4, 4)
    assert report.prompts is None


def test_speakers_with_a_full_width_colon_and_number_signs(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"dialogue": "#Person1#: 네\n민수\uff1a 응\nMr. Lee : ok", "summary": "s"}))
    assert check_file(str(path), SETTINGS).common_speakers == {"#Person1#": 1, "Mr. Lee": 1, "민수": 1}


def test_only_the_first_five_lines_of_a_reason_are_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("dialogue,summary\n" + ",s\n" * 7)
    report = check_file(str(path), SETTINGS)
    assert report.rows == 0
    assert report.bad_rows == {"no dialogue": BadRows(7, [2, 3, 4, 5, 6], [""] * 5)}
    assert "2, 3, 4, 5, 6, ..." in shown(report)


def test_files_for_inference(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("dialogue\nd\n")
    assert check_file(str(path), SETTINGS, need_summary=False).rows == 1
    with pytest.raises(YoyakError, match="no column 'summary'"):
        check_file(str(path), SETTINGS)


def test_prompt_lengths_and_the_limit(source):
    report = check_file(source, SETTINGS, lambda rows: [len(row.dialogue) for row in rows], encoder_max_len=15)
    assert report.prompts is not None
    assert report.prompts.tokens == Distribution(70 / 3, 15, 40, 40)
    assert report.prompts.over_limit == 1  # 15 is within the limit of 15, 40 is not
    assert report.prompts.histogram == [
        Bin(15, 19, 2),
        Bin(20, 24, 0),
        Bin(25, 29, 0),
        Bin(30, 34, 0),
        Bin(35, 39, 0),
        Bin(40, 44, 1),
    ]


def test_histogram_widths():
    assert count_bins([]) == []
    assert count_bins([0, 11]) == [Bin(0, 0, 1), *(Bin(i, i, 0) for i in range(1, 11)), Bin(11, 11, 1)]
    assert count_bins([12, 3, 2]) == [
        Bin(2, 3, 2),
        Bin(4, 5, 0),
        Bin(6, 7, 0),
        Bin(8, 9, 0),
        Bin(10, 11, 0),
        Bin(12, 13, 1),
    ]
    assert count_bins([1199])[0] == Bin(1100, 1199, 1)
    assert count_bins([1200])[0] == Bin(1200, 1399, 1)


def test_as_dict_is_json(source):
    report = check_file(source, SETTINGS, lambda dialogues: [7 for _ in dialogues])
    data = json.loads(json.dumps(report.as_dict()))
    assert data["bad_rows"]["wrong number of fields"] == {"count": 1, "lines": [12], "details": ["2 instead of 3"]}
    assert data["prompts"] == {
        "tokens": {"mean": 7.0, "p50": 7, "p95": 7, "max": 7},
        "histogram": [{"low": 7, "high": 7, "count": 3}],
        "limit": 1024,
        "over_limit": 0,
    }
    assert check_file(source, SETTINGS).as_dict()["prompts"] is None


def test_render(source):
    text = shown(check_file(source, SETTINGS, lambda dialogues: [900, 1000, 1100], encoder_max_len=1024))
    lines = [line.rstrip() for line in text.splitlines()]
    assert "bad rows                 3" in lines
    assert "most common speakers     Ann (3), Bob (2)" in lines
    assert any("wrong number of fields" in line and "12: 2 instead of 3" in line for line in lines)
    assert f"    900 -     999  {'█' * 40} 1" in lines
    assert "1 of 3 (33.3%) exceed 1,024 tokens and lose turns" in lines


def test_render_shows_brackets_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a long path is shortened
    Path("[red]a.csv").write_text("dialogue,summary\n[bold]: hi,s\n")
    text = shown(check_file("[red]a.csv", SETTINGS))
    assert "[bold] (1)" in text
    assert "[red]a.csv" in text


def test_render_of_no_usable_rows(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("dialogue,summary\n,s\n")
    assert "0 of 0 (0.0%)" in shown(check_file(str(path), SETTINGS, lambda dialogues: []))
