"""Summaries side by side, comparisons, and exports."""

import json
import sys

import pytest

from src.web.summaries_view import SummariesAsked, summaries_shown

ROWS = [
    {"fname": "a", "topic": "tea", "dialogue": "A: At 5 we meet Bora.\nB: Fine.", "summary": "They meet Bora at 5.",
     "zero_shot": "nothing", "fine_tuned": "They meet Bora at 7."},
    {"fname": "b", "topic": "tea", "dialogue": "A: Yes.", "summary": "A agrees.",
     "zero_shot": "A agrees.", "fine_tuned": "no"},
    {"fname": "c", "topic": "bus", "dialogue": "A: No, never, not at all today.", "summary": "A refuses.",
     "zero_shot": "A refuses.", "fine_tuned": "A refuses."},
]  # fmt: skip


@pytest.fixture
def judged(write_studio_run):
    for name in ("one", "two"):
        folder = write_studio_run(name)
        rows = ROWS if name == "one" else [row | {"fine_tuned": "another <b>"} for row in ROWS[:2]]
        (folder / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder.parent


def names(shown):
    return [next(name for name in "abc" if f"Example {n}</span>" in html and f": {name}</span>" in html)
            for n, html in enumerate(shown.articles, 1)]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "order"),
    [
        ({"order": "gain"}, ["a", "c", "b"]),
        ({"order": "loss"}, ["b", "c", "a"]),
        ({"order": "best"}, ["c", "a", "b"]),
        ({"order": "worst"}, ["b", "a", "c"]),
        ({"order": "file"}, ["a", "b", "c"]),
        ({"order": "file", "topic": "tea"}, ["a", "b"]),
        ({"order": "file", "size": "short"}, ["a", "b"]),
        ({"order": "file", "size": "long"}, ["c"]),
    ],
)
def test_dialogues_are_ordered_and_chosen(judged, asked, order):
    shown = summaries_shown(SummariesAsked(judged / "one", **asked))
    assert names(shown) == order
    assert (shown.total, shown.topics) == (len(order), ["bus", "tea"])


def test_facts_are_marked_by_whether_the_dialogue_holds_them(judged):
    (first, *_) = summaries_shown(SummariesAsked(judged / "one", {"two": judged / "two"}, order="file")).articles
    assert "<mark>Bora</mark>" in first
    assert '<mark class="unheld" title="not in the dialogue" data-ko-title="대화에 없음">7</mark>' in first
    assert "another &lt;b&gt;" in first


def test_trials_of_the_same_number_stand_side_by_side(visitor, write_studio_run):
    texts = {"one": "own words", "first_search/trial_000": "other words", "second_search/trial_000": "further words"}
    for name, text in texts.items():
        folder = write_studio_run(name)
        rows = [row | {"fine_tuned": text} for row in ROWS]
        (folder / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    beside = "beside=first_search~trial_000&beside=second_search~trial_000"
    page = visitor.get(f"/runs/one/summaries?{beside}").text
    assert [page.count(text) for text in texts.values()] == [len(ROWS)] * 3


def test_the_page_of_summaries(visitor, judged):
    page = visitor.get("/runs/one/summaries?beside=two&topic=tea").text
    assert "1 to 2 of 2" in page
    assert "another &lt;b&gt;" in page
    assert visitor.get("/runs/one/summaries?beside=..").status_code == 404
    assert visitor.get("/runs/one/summaries?order=x&size=y&topic=%00&page=z").status_code == 200
    assert "no summaries of these dialogues" in visitor.get("/runs/one/summaries?topic=none").text


def test_runs_are_compared_with_the_first(visitor, judged):
    assert "Choose one more." in visitor.get("/compare?run=one").text
    page = visitor.get("/compare?run=one&run=two").text
    assert '<h2 id="cost-heading">Cost</h2>' in page
    assert visitor.get("/compare?run=one&run=nope").status_code == 404
    assert visitor.get("/compare?" + "&".join(f"run=r{n}" for n in range(9))).status_code == 422


def test_an_export_is_a_command(visitor, judged, monkeypatch):
    monkeypatch.setattr("src.web.processes.program", lambda: [sys.executable, "-c", "import sys; print(sys.argv[1:])"])
    assert "no final model yet" in visitor.get("/runs/one/export").text
    (judged / "one" / "final_model").mkdir()
    assert "GGUF" in visitor.get("/runs/one/export").text
    for to, words in {
        "gguf": "--run outputs/one --quantization q8_0 --out outputs/one/exports/gguf --overwrite",
        "hub": "yoyak export --to hub --run outputs/one --dry-run",
    }.items():
        answer = visitor.post("/runs/one/export", data={"to": to, "quantization": "q8_0"})
        assert words in visitor.get(answer.headers["location"]).text
        assert words in visitor.get("/runs/one/export").text
    assert visitor.post("/runs/one/export", data={"to": "../x"}).status_code == 400
    assert visitor.post("/runs/one/export", data={"to": "gguf", "quantization": "--x"}).status_code == 400
    assert visitor.get("/jobs/nope").status_code == 404
