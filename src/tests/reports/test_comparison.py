import json

import pytest

from src.errors import YoyakError
from src.evaluation.tokenizations import analyser_of
from src.reports.compare_page import render_comparison
from src.reports.comparison import compare_runs
from src.tests.reports.conftest import ROWS, changed
from src.tests.reports.page import Page


def test_runs_on_the_same_dialogues_are_paired(make_run) -> None:
    rows = changed("x", "a b c d", "a b c d")
    found = compare_runs([make_run("one"), make_run("two", rows[::-1], 0.2)])
    assert found.runs[0].result.scores["rouge_sum"].value == pytest.approx(200)
    assert found.settings == [("training.learning_rate", [0.1, 0.2])]
    difference = found.runs[1].result.baseline.differences["rouge_sum"]
    assert (difference.difference, difference.wins, difference.ties, difference.losses) == (pytest.approx(0), 1, 1, 1)
    assert found.runs[1].sentence().startswith("ROUGE sum: no difference that these 3 dialogues can show")
    assert [(e.rows[0].fname, e.change) for e in found.examples] == [("d0", -300), ("d2", 300), ("d1", 0)]
    assert found.notes == []


def test_other_dialogues_are_said_and_not_paired(make_run) -> None:
    found = compare_runs([make_run("one"), make_run("two", ROWS[:2])])
    assert found.runs[1].sentence() is None
    assert found.examples == []
    assert found.notes[0].startswith(
        "two summarized other dialogues than one (2 against 3, 2 in common): no paired test"
    )


def test_tokenization_is_the_first_runs_or_the_one_asked_for(make_run) -> None:
    one, two = make_run("one"), make_run("two", status="interrupted")
    assert (compare_runs([one, two]).tokenization, compare_runs([one, two]).stemmer) == ("word", True)
    found = compare_runs([one, two], "char")
    assert found.tokenization == "char"
    assert found.notes == [
        "Scored alike here, so not as in the run's own report: one, two.",
        "Not completed: two (interrupted).",
    ]


def test_another_version_of_what_cuts_the_texts_is_said(make_run) -> None:
    folders = [make_run("one"), make_run("two")]
    for folder, analyser in zip(folders, ("kiwipiepy 0.1", analyser_of("morpheme")), strict=True):
        run = json.loads((folder / "run.json").read_text())
        run["scores"]["fine_tuned"] |= {"tokenization": "morpheme", "analyser": analyser}
        (folder / "run.json").write_text(json.dumps(run))
    (note,) = compare_runs(folders).notes
    assert note == f"one: scored here with {analyser_of('morpheme')}, in the run's own report with kiwipiepy 0.1."


def test_a_run_that_was_trained_on_what_scores_it_is_named(make_run) -> None:
    folders = [make_run("one"), make_run("two")]
    for folder, known in zip(folders, (0, 2), strict=True):
        run = json.loads((folder / "run.json").read_text())
        run["data"] = {"eval": {"rows": 3, "trained_on": known}}
        (folder / "run.json").write_text(json.dumps(run))
    assert compare_runs(folders).notes == [
        "two: 2 of 3 evaluation dialogues are in the training data too, so that the scores are too good."
    ]


def test_page_shows_each_run_and_escapes_names(make_run) -> None:
    found = compare_runs([make_run("<b>one"), make_run("two", changed("x", "x", "x"), 0.2)])
    page = Page(render_comparison(found))
    assert page.all("h1")[0].text == "<b>one · two"
    assert page.texts("h2") == ["Scores", "Training", "Cost", "Settings", "Examples"]
    assert "training.learning_rate0.10.2" in page.texts("tr")
    assert len(page.all("polyline")) == 2
    assert page.texts("h3")[0] == "Example 1: d0teachange −300.0"


def test_unusable_runs_are_one_line(make_run) -> None:
    one = make_run("one")
    with pytest.raises(YoyakError, match="needs two runs or more"):
        compare_runs([one])
    with pytest.raises(YoyakError, match="named twice"):
        compare_runs([one, one])
    with pytest.raises(YoyakError, match="no fine-tuned summaries to compare"):
        compare_runs([one, make_run("two", None)])
    with pytest.raises(YoyakError, match="--tokenization 'words' is unknown; choose word, morpheme"):
        compare_runs([one, make_run("three")], "words")


def test_each_run_is_compared_with_the_first(make_run) -> None:
    """0, 1 and 3 of three summaries are right; the third run gains on the second, and on the first by more."""
    one, two = make_run("one", changed("x", "x", "x")), make_run("two", changed("a b c d", "x", "x"), 0.2)
    three = make_run("three", changed("a b c d", "a b c d", "a b c d"))
    found = compare_runs([one, two, three])
    gains = [run.result.baseline.differences["rouge_sum"].difference for run in found.runs[1:]]
    assert gains == pytest.approx([100, 300])
    assert found.runs[0].result.baseline is None
    assert [(e.rows[0].fname, e.rouge_sums, e.change) for e in found.examples] == [
        ("d0", [0, 300, 300], 300),
        ("d1", [0, 0, 300], 300),
        ("d2", [0, 0, 300], 300),
    ]
    assert found.settings == [("training.learning_rate", [0.1, 0.2, 0.1])]


def test_the_largest_change_may_be_a_loss(make_run) -> None:
    worse = changed("a b", "x", "x")  # 2 of 4 words and 1 of 3 bigrams less, all, and nothing
    found = compare_runs([make_run("one"), make_run("two", worse), make_run("three", changed("a b c d", "a b c", "x"))])
    assert [(e.rows[0].fname, round(e.change, 1)) for e in found.examples] == [
        ("d1", -300.0),
        ("d0", -116.7),
        ("d2", 0.0),
    ]


def test_as_many_other_dialogues_are_not_paired(make_run) -> None:
    others = [{**row, "dialogue": f"Ben: Other {place}."} for place, row in enumerate(ROWS)]
    found = compare_runs([make_run("one"), make_run("two", others)])
    assert found.runs[1].result.baseline is None
    assert "two summarized other dialogues than one (3 against 3, 0 in common)" in found.notes[0]


def test_a_setting_that_only_the_last_run_changes_is_shown(make_run) -> None:
    found = compare_runs([make_run("one"), make_run("two"), make_run("three", learning_rate=0.3)])
    assert found.settings == [("training.learning_rate", [0.1, 0.1, 0.3])]


def test_settings_without_a_part_in_weights_or_summaries_are_left_out(make_run) -> None:
    folders = [make_run("one"), make_run("two")]
    for number, folder in enumerate(folders):
        record = json.loads((folder / "run.json").read_text())
        record["config"] = {
            "experiment": {"name": folder.name, "notes": number},
            "search": {"deadline": number},
            "refine": {"samples": number},
            "data": {"test": number, "train": number},
            "training": {name: number for name in ("logging_steps", "report_to", "save_steps", "eval_steps")},
        }
        (folder / "run.json").write_text(json.dumps(record))
    assert [name for name, _ in compare_runs(folders).settings] == ["data.train", "training.eval_steps"]
    (folders[1] / "run.json").write_text(json.dumps(record | {"refine": {"steps": 3}}))
    assert "refine.samples" in dict(compare_runs(folders).settings)


def test_runs_of_one_name_are_called_by_their_folders(make_run) -> None:
    one, two = make_run("one"), make_run("two")
    record = json.loads((two / "run.json").read_text())
    (two / "run.json").write_text(json.dumps(record | {"name": "one"}))
    assert [run.name for run in compare_runs([one, two]).runs] == [str(one), str(two)]
    (two / "run.json").write_text(json.dumps(record | {"name": None}))
    assert [run.name for run in compare_runs([one, two]).runs] == ["one", "two"]


def test_figures_for_json(make_run) -> None:
    found = compare_runs([make_run("one", changed("x", "x", "x")), make_run("two", learning_rate=0.2)]).as_dict()
    assert found["settings"] == {"training.learning_rate": {"one": 0.1, "two": 0.2}}
    first, second = found["runs"]
    assert (first["name"], first["n"], first["against_first"]) == ("one", 3, None)
    assert second["against_first"]["differences"]["rouge_sum"]["difference"] == pytest.approx(200)
    assert second["scores"]["rouge_sum"]["value"] == pytest.approx(200)
    assert second["cost"] == {
        "wall_seconds": 250.3,
        "peak_memory_bytes": 4100000000,
        "tokens_per_second": 150.2,
        "samples_per_second": 0.6,
        "steps": 40,
    }
    assert second["eval_loss"] == 1.8
    assert found["examples"][0] == {"fname": "d0", "rouge_sum": {"one": 0.0, "two": 300.0}, "change": 300.0}
