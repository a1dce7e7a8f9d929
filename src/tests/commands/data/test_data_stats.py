"""`yoyak data stats`: table, JSON and page."""

import json

import pytest

from src.reports.data_measures import MEASURES, short_names, written
from src.tests.commands.conftest import write_csv

DIALOGUE = "A: we meet at nine tomorrow\nB: fine, at nine then"


@pytest.fixture
def two(tiny):
    write_csv(
        tiny / "a.csv", [DIALOGUE, DIALOGUE + " or ten", "A: hi there you\nB: 안녕"], ["We meet at nine.", "s", "<b>"]
    )
    write_csv(tiny / "b.csv", [DIALOGUE], ["fine"])
    return tiny


def test_json(yoyak, two):
    report = json.loads(yoyak("data", "stats", "a.csv", "b.csv", "-e", "tiny.yaml", "--json").out)
    assert [file["rows"] for file in report["files"]] == [3, 1]
    assert report["tokenizer"].endswith("base")
    measures = report["files"][1]["measures"]
    assert list(measures) == [
        *("turns", "speakers", "dialogue_chars", "summary_chars"),
        *("dialogue_tokens", "summary_tokens"),
        *("compression", "coverage", "density"),
    ]
    assert (measures["turns"]["mean"], measures["speakers"]["mean"], measures["dialogue_chars"]["mean"]) == (2, 2, 49)
    assert measures["compression"]["mean"] == 11  # A we meet at nine tomorrow B fine at nine then
    assert (measures["coverage"]["mean"], measures["density"]["mean"]) == (1, 1)
    # "we meet at nine" is one piece of the dialogue: coverage 1, density 4
    assert report["files"][0]["measures"]["density"]["max"] == 4
    assert report["shared"] == [
        {
            "first": "a.csv", "second": "b.csv", "exact": 1, "near": 0,
            "pairs": [
                {"first": "d0", "second": "d0", "jaccard": 1.0},
                {"first": "d1", "second": "d0", "jaccard": 0.778},
            ],
        }
    ]  # fmt: skip


def test_table(yoyak, two):
    out = yoyak("data", "stats", "a.csv", "b.csv", "-e", "tiny.yaml").out
    assert "b.csv shares with a.csv: 1 dialogue exactly, 0 more nearly" in out
    assert "near-duplicates" in out
    assert all(measure.label in out for measure in MEASURES.values())


def test_page_is_self_contained_and_escaped(yoyak, two):
    assert (
        "Page: pages/stats.html"
        in yoyak("data", "stats", "a.csv", "b.csv", "-e", "tiny.yaml", "--out", "pages/stats.html").out
    )
    page = (two / "pages" / "stats.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert page.count("<svg role") + page.count('<svg role="img"') >= 2
    assert "<b>" not in page
    assert "src=" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert page.count('class="bar"') > 10
    assert (
        yoyak("data", "stats", "b.csv", "-e", "tiny.yaml", "--out", "pages/stats.html").code == 0
    )  # a page is replaced


def test_without_a_tokenizer_tokens_are_left_out(yoyak, two):
    out = yoyak("data", "stats", "a.csv", "-e", "tiny.yaml", "model.checkpoint=./nowhere").out
    assert "Lengths in tokens are left out: model.checkpoint = ./nowhere" in out
    assert "dialogue, tokens" not in out


def test_bad_rows_are_counted(yoyak, two):
    (two / "bad.csv").write_text("dialogue,summary\nA: x,s\n,s\n")
    report = json.loads(yoyak("data", "stats", "bad.csv", "-e", "tiny.yaml", "--json").out)
    assert report["files"][0]["left_out"] == {"no dialogue": 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.csv", "a.csv"], "a.csv: named twice"),
        (["data.topic_column=x"], "name a data file"),
        (["a.csv", "--out", "x.svg"], "--out x.svg: the page is HTML"),
        (["a.csv", "--tokenization", "wrod"], "did you mean 'word'?"),
        (["nowhere.csv"], "nowhere.csv: no such file"),
        (["empty.csv"], "empty.csv: no usable row; yoyak data check empty.csv says why"),
    ],
)
def test_bad_input(yoyak, two, arguments, said):
    (two / "empty.csv").write_text("dialogue,summary\n,s\n")
    result = yoyak("data", "stats", *arguments, "-e", "tiny.yaml")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert said in result.err


def test_short_names():
    assert short_names(["a/train.csv", "b/dev.csv"]) == ["train.csv", "dev.csv"]
    assert short_names(["a/train.csv", "b/train.csv"]) == ["a/train.csv", "b/train.csv"]


def test_written():
    assert [written(1234.5, 0), written(0.456, 2)] == ["1,234", "0.46"]
