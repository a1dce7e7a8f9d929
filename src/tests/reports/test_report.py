import base64
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from src.errors import YoyakError
from src.reports.report import write_report
from src.tests.reports.conftest import RUN, WriteRun, page_of, run_with


def test_report_is_written_beside_the_run(write_run: WriteRun) -> None:
    run_dir = write_run()
    assert write_report(run_dir) == run_dir / "report.html"
    assert sorted(path.name for path in run_dir.iterdir()) == [
        "metrics.jsonl", "predictions.jsonl", "report.html", "run.json",
    ]  # fmt: skip


def test_document_structure(write_run: WriteRun) -> None:
    page = page_of(write_run())
    assert page.source.startswith('<!doctype html>\n<html lang="en">')
    assert page.texts("title")[0] == "quickstart · yoyak run"
    assert page.texts("h1") == ["quickstart"]
    assert page.texts("h2") == ["Scores", "Training", "Settings", "Data", "Examples", "Environment"]
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    assert [link.attributes["href"] for link in page.all("a")] == [
        "#scores", "#curves", "#settings", "#data", "#examples", "#environment",
    ]  # fmt: skip
    assert {"scores", "curves", "settings", "data", "examples", "environment"} <= set(ids)


def test_tables_have_captions_and_scopes(write_run: WriteRun) -> None:
    page = page_of(write_run())
    assert page.texts("caption") == [
        "ROUGE before and after training",
        "Settings that differ from the base config",
        "Choices made at the start",
        "Packages of this run",
    ]
    assert {cell.attributes.get("scope") for cell in page.all("th")} == {"col", "row"}


def test_page_asks_no_host_for_anything(write_run: WriteRun) -> None:
    page = page_of(write_run())
    policies = [m.attributes["content"] for m in page.all("meta") if "http-equiv" in m.attributes]
    script = page.texts("script")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policies == [f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"]
    links = [
        value
        for element in page.elements
        for name, value in element.attributes.items()
        if name in {"src", "href", "srcset", "action", "data", "poster", "xlink:href"}
    ]
    assert [link for link in links if link is None or not link.startswith(("#", "data:"))] == []
    assert "url(" not in page.source
    assert "@import" not in page.source


def test_text_of_the_run_is_never_markup(write_run: WriteRun) -> None:
    hostile = "</style><script>alert(2)</script>"
    run = run_with(
        name=hostile,
        command=hostile,
        status=hostile,
        started='" onload="alert(4)',
        resolved={hostile: hostile},
        settings_changed={hostile: {"base": hostile, "value": [hostile]}},
        versions={hostile: hostile},
        config={hostile: {"k": hostile}},
        data={hostile: {"source": hostile, "dropped": {hostile: 1}}},
        lengths={'" onload="alert(3)': {"histogram": [[8, 1]]}},
    )
    page = page_of(write_run(run=run))
    assert len(page.all("script")) == 1
    assert page.all("img") == []
    assert [element for element in page.elements if any(name.startswith("on") for name in element.attributes)] == []
    assert page.source.count("<script") == 1
    assert page.texts("h1") == [hostile]
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; https://example.org/" in page.source


def test_tiles_show_the_figures_of_the_run(write_run: WriteRun) -> None:
    page = page_of(write_run())
    tiles = page.all("dl", "tiles")[0].text
    assert page.texts("dd", "figure") == [
        "53.20 → 85.64", "1.800", "150.2 tokens/s", "3.82 GiB", "4 min 10 s", "4.88 M",
    ]  # fmt: skip
    assert page.texts("dd", "note") == [
        "+32.44; mean 28.55; word tokenization, Porter stemmer, n = 20 dialogues",
        "training 1.900; ROUGE sum 84.50",
        "0.60 examples/s",
        "of 16.00 GiB",
        "40 optimizer steps; 3.2 s for checkpoints",
        "of 139.40 M, 3.50%",
    ]
    assert tiles.startswith("ROUGE sum, before → after training")


def test_header_states_where_and_how(write_run: WriteRun) -> None:
    page = page_of(write_run())
    assert page.all("p", "status")[0].text == "completed"
    assert page.all("dl", "facts")[0].text == (
        "Modelbundled:smollm2-135mDeviceAMD EPYC, cpu, 2 threads, 16.00 GiBStarted2026-11-24 12:00 UTC"
        "Went onstep 20, 2026-11-24 12:02 UTC; step 30, 2026-11-24 12:03 UTC"
        "Ended2026-11-24 12:04 UTCSeed42Commitabc123Commandyoyak quickstart"
    )


def test_faults_that_were_mended_stand_below_the_curves(write_run: WriteRun) -> None:
    notes = page_of(write_run()).texts("p", "note")
    at = notes.index("1 step was left out: loss or gradient was not a number.")
    assert notes[at : at + 4] == [
        "1 step was left out: loss or gradient was not a number.",
        "Went back to an earlier checkpoint 2 times: the loss ran away.",
        "Memory ran out 1 time in training; since then 4,096 tokens at a time.",
        "Memory ran out 3 times in generation.",
    ]
    clean = run_with(faults={"bad_steps": 0, "rollbacks": 0}, scores=None)
    page = page_of(write_run(run=clean, predictions=None))
    assert page.texts("p", "note")[0] == "No step was left out, and the memory was enough."
    assert "No step was left out" not in page_of(write_run(run=run_with(faults=None))).source


def test_a_failed_run_says_why(write_run: WriteRun) -> None:
    run = {"status": "failed", "error": "<b>x.csv:2: no summary"}
    assert page_of(write_run(run=run, metrics=None, predictions=None)).texts("dl", "facts") == [
        "Error<b>x.csv:2: no summary"
    ]


def test_settings_and_choices(write_run: WriteRun) -> None:
    rows = page_of(write_run()).texts("tr")
    assert "training.epochs32" in rows
    assert "compute_dtypefloat32float32 62 GFLOP/s, bf16 10 GFLOP/s" in rows
    assert "optimizeradamw_torch" in rows
    assert not any(row.startswith("compute_dtype_reason") for row in rows)


def test_data_is_told_in_words(write_run: WriteRun) -> None:
    page = page_of(write_run())
    assert page.texts("li")[6:] == [
        "2 rows were dropped: no summary (2).",
        "3 of 80 dialogues were shortened to fit the prompt limit: 12 turns with 1,345 tokens left out.",
        "1 of 80 summaries are longer than the generation limit, and kept whole.",
        "No row was dropped.",
        "No dialogue was shortened.",
        "No summary is longer than the generation limit.",
    ]
    assert "Tokens: mean 220.5, median 210, 95th percentile 290, longest 310." in page.texts("p", "note")


def test_examples_lie_side_by_side(write_run: WriteRun) -> None:
    page = page_of(write_run())
    first, second = page.texts("article")
    assert first == (
        "Example 1: dev_0a lost folderROUGE sum 0.0#Person1#: Where is it?"
        "#Person2#: <script>alert('x')</script> & https://example.org/"
        "Reference#Person1# looks for the folder.Before training(empty)"
        'After training<img src="http://example.org/x.png" onerror="alert(1)">'
    )
    assert second == "Example 2: dev_1예약민수: 방을 예약했어요.Reference민수가 방을 예약했다."
    assert [box.attributes.get("lang") for box in page.all("div", "dialogue")] == [None, "ko"]


def summaries(*texts: str, **more: Any) -> list[dict[str, Any]]:
    row = {"dialogue": "#Person1#: Hi.", "summary": "a b c d", "zero_shot": "x", **more}
    return [{**row, "fname": f"d{place}", "fine_tuned": text} for place, text in enumerate(texts)]


def test_of_many_examples_the_best_and_the_worst_are_shown(write_run: WriteRun) -> None:
    page = page_of(write_run(predictions=summaries(*["x"] * 6, "a b c d", *["a x"] * 5)))
    assert len(page.all("article")) == 10
    assert "The 5 with the best and the 5 with the worst ROUGE sum of 12 evaluation dialogues." in page.texts(
        "p", "note"
    )
    assert page.texts("h4", "example")[0] == "Example 1: d6ROUGE sum 300.0"
    assert page.texts("h4", "example")[5] == "Example 6: d5ROUGE sum 0.0"


def test_turns_that_facts_come_from_are_marked(write_run: WriteRun) -> None:
    row = {
        "dialogue": "Anna: Lunch at 7?\nBen: Call Carla.\nAnna: Fine.",
        "summary": "They meet.",
        "fine_tuned": "They meet Carla at 7, not at 9.",
    }
    page = page_of(write_run(predictions=[row]))
    assert page.texts("p", "source") == ["Anna: Lunch at 7? → 7", "Ben: Call Carla. → Carla"]
    assert page.texts("mark") == ["Carla", "7", "9"]
    assert page.texts("mark", "unheld") == ["9"]


def test_scores_by_topic_and_length(write_run: WriteRun) -> None:
    topics = ["tea"] * 5 + ["tax"] * 2 + ["bus", "art"]
    rows = summaries(*["a b c d"] * 5, *["x"] * 4)
    for place, (row, topic) in enumerate(zip(rows, topics, strict=True)):
        row |= {"topic": topic, "dialogue": "word " * (place + 1)}
    page = page_of(write_run(predictions=rows))
    lines = page.texts("tr")
    assert {"tea50.00.0 to 0.0300.0300.0 to 300.0+300.0", "tax20.00.0±0.0", "all others20.00.0±0.0"} <= set(lines)
    assert {"1 to 330.0300.0+300.0", "4 to 630.0200.0+200.0", "7 to 930.00.0±0.0"} <= set(lines)


def test_full_config_is_yaml(write_run: WriteRun) -> None:
    expected = "model:\n  checkpoint: bundled:smollm2-135m\ntraining:\n  epochs: 2\n  max_steps: null\n"
    assert page_of(write_run()).texts("pre") == [expected]


def test_empty_run_still_gives_a_page(write_run: WriteRun) -> None:
    page = page_of(write_run(run={}, metrics=None, predictions=None))
    assert page.texts("h1") == ["Unnamed run"]
    assert page.texts("p", "status") == ["status not recorded"]
    assert page.texts("h2") == []
    assert page.all("nav") == []


@pytest.mark.parametrize("part", sorted(RUN))
@pytest.mark.parametrize("how", ["missing", "null"])
def test_each_part_may_be_missing_or_null(write_run: WriteRun, part: str, how: str) -> None:
    run = run_with(**{part: None})
    if how == "missing":
        del run[part]
    page = page_of(write_run(run=run, metrics="", predictions=""))
    assert len(page.texts("h1")) == 1
    assert "None" not in page.all("main")[0].text
    assert "Examples" not in page.texts("h2")


def test_interrupted_run_shows_its_last_loss_and_the_broken_line(write_run: WriteRun) -> None:
    run = {"name": "night", "status": "interrupted"}
    page = page_of(write_run(run=run, metrics='{"step": 10, "loss": 2.5}\n{"step": 20, "lo', predictions=None))
    assert page.texts("p", "status") == ["interrupted: this page shows what was written until then"]
    assert page.texts("dl", "tiles") == ["Training loss2.500last logged, step 10"]
    assert "The last line of metrics.jsonl broke off and is left out." in page.all("footer")[0].text


def test_report_is_replaced_whole_or_not_at_all(write_run: WriteRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run_dir = write_run()
    write_report(run_dir).write_text("the old page")

    def no_space(source: Path, target: Path) -> None:
        assert Path(source).parent == Path(target).parent == run_dir
        assert Path(source).read_text(encoding="utf-8").endswith("</html>\n")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(YoyakError, match=r"report\.html: cannot be written: No space left on device"):
        write_report(run_dir)
    assert (run_dir / "report.html").read_text() == "the old page"
    assert sorted(path.name for path in run_dir.iterdir()) == [
        "metrics.jsonl", "predictions.jsonl", "report.html", "run.json",
    ]  # fmt: skip


def test_same_run_gives_the_same_bytes(write_run: WriteRun) -> None:
    run_dir = write_run()
    assert write_report(run_dir).read_bytes() == write_report(run_dir).read_bytes()
