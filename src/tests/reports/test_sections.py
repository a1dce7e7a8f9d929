"""Single parts of a run's page, with values worked out by hand."""

import copy
from typing import Any

import pytest

from src.reports import score_table, sections, summary
from src.reports.plan_section import plan_section
from src.runs.json_lines import Metric
from src.runs.read import Run
from src.runs.schema import RunRecord
from src.tests.reports.conftest import METRICS, RUN
from src.tests.reports.page import Page


def record_of(**changes: Any) -> RunRecord:
    return RunRecord.model_validate({**copy.deepcopy(RUN), **changes})


def test_the_plan_beside_what_was_measured() -> None:
    plan = {"predicted_peak_bytes": 11e9, "measured_peak_bytes": 10e9, "predicted_step_seconds": 1.9}
    plan |= {"measured_step_seconds": 2.0, "predicted_seconds": 100.0}
    page = Page(plan_section(record_of(plan=plan)))
    assert page.texts("tr") == [
        "FigurePredictedMeasuredOff by",
        "Peak memory, GB11.0010.00+10.0%",
        "A step, s1.902.00-5.0%",
    ]
    assert plan_section(record_of(plan={"predicted_seconds": 100.0})) == ""
    assert plan_section(record_of()) == ""


def test_curves_are_of_their_own_figures() -> None:
    page = Page(sections.curves([Metric.model_validate(line) for line in METRICS]))
    assert page.texts("strong") == ["Loss", "ROUGE sum", "Learning rate", "Gradient norm", "Speed, tokens/s"]
    assert page.texts("desc") == [
        "Training: 2.900 at step 2, 1.700 at step 40, between 1.700 and 2.900. Evaluation: 2.100 at step 20.",
        "Evaluation: 80.25 at step 20.",
        "Learning rate: 0.0005 at step 2, 0 at step 40, between 0 and 0.0005.",
        "Gradient norm: 1.20 at step 2, 0.80 at step 40, between 0.80 and 1.20.",
        "Speed, tokens/s: 150.0 at step 2, 152.0 at step 40, between 150.0 and 152.0.",
    ]
    assert page.all("span", "key")[1].attributes["class"] == "key mark"
    assert sections.curves([]) == ""


def test_settings_stand_as_base_and_run_and_choices_with_their_reasons() -> None:
    page = Page(sections.settings(record_of()))
    assert page.texts("td") == ["3", "2", "float32", "float32 62 GFLOP/s, bf16 10 GFLOP/s", "adamw_torch", ""]
    assert page.texts("q") == ["float32 62 GFLOP/s, bf16 10 GFLOP/s"]  # in English alone, as older runs wrote it
    said = {"engine": "packed", "engine_reason": "as configured", "engine_reason_ko": "설정대로"}
    source = sections.settings(record_of(resolved=said, settings_changed={}))
    assert [Page(source, half).texts("td") for half in ("en", "ko")] == [
        ["packed", "as configured"],
        ["packed", "설정대로"],
    ]


def test_dropped_rows_are_added_up_over_reasons() -> None:
    data = {"train": {"dropped": {"no summary": 1200, "repeated id": 3, "not text": 0}}}
    page = Page(sections.data(record_of(data=data, truncation={}, lengths={})))
    assert page.texts("li") == ["1,203 rows were dropped: no summary (1,200), repeated id (3)."]
    one = Page(sections.data(record_of(data={"eval": {"dropped": {"no summary": 1}}}, truncation={}, lengths={})))
    assert one.texts("h3") == ["Evaluation data"]
    assert one.texts("li") == ["1 row was dropped: no summary (1)."]


def test_a_file_that_changed_meanwhile_is_named() -> None:
    page = Page(sections.data(record_of(data={"train": {"changed_during_run": True}}, truncation={}, lengths={})))
    assert page.texts("li") == ["The file changed during the run, which used what it held at the start."]


@pytest.mark.parametrize(
    ("cut", "sentences"),
    [
        (
            {"prompts_cut": 1, "turns_cut": 1, "tokens_cut": 1},
            ["1 dialogue was shortened to fit the prompt limit: 1 turn with 1 token left out."],
        ),
        ({"examples": 9, "prompts_cut": 1}, ["1 of 9 dialogues were shortened."]),
        ({"long_summaries": 1}, ["1 summary is longer than the generation limit, and kept whole."]),
        ({"long_summaries": 2}, ["2 summaries are longer than the generation limit, and kept whole."]),
    ],
)
def test_what_was_cut_in_words(cut: dict[str, int], sentences: list[str]) -> None:
    page = Page(sections.data(record_of(data={}, truncation={"train": cut}, lengths={})))
    assert page.texts("li") == sentences


def test_tiles_of_losses() -> None:
    def tile(train: dict[str, float], metrics: list[Metric]) -> str:
        run = Run(RunRecord.model_validate({"train": train}), metrics, [], [])
        return Page(summary.tiles(run)).texts("dl")[0]

    logged = [Metric(step=10, loss=2.5), Metric(step=20, loss=1.25)]
    assert tile({"loss": 1.9, "eval_loss": 1.8}, logged) == "Evaluation loss1.800training 1.900"
    rouge = {"eval_loss": 1.8, "eval_rouge_sum": 84.504}
    assert tile(rouge, logged) == "Evaluation loss1.800ROUGE sum 84.50"
    assert tile({"loss": 1.9}, logged) == "Training loss1.900"
    assert tile({}, logged) == "Training loss1.250last logged, step 20"


def test_before_training_alone() -> None:
    record = record_of(scores={"zero_shot": RUN["scores"]["zero_shot"]})
    run = Run(record, [], [], [])
    assert Page(summary.tiles(run)).texts("dt")[0] == "ROUGE sum before training"
    page = Page(score_table.scores(record))
    assert page.texts("caption") == ["ROUGE before training"]
    assert page.texts("tr")[4] == "ROUGE sum53.20"


def test_every_score_has_its_own_interval_and_floor() -> None:
    score = {"tokenization": "word", "n": 20}
    for place, key in enumerate(("rouge1", "rouge2", "rougeL", "rouge_sum", "rouge_mean", "chrf")):
        values = {"": 10, "_low": 8, "_high": 13, "_floor": 4, "_floor_low": 3, "_floor_high": 5, "_lead3": 7}
        score |= {f"{key}{end}": value + 20 * place for end, value in values.items()}
    page = Page(score_table.scores(record_of(scores={"fine_tuned": score})))
    assert page.texts("tr")[1:] == [
        "ROUGE-110.008.0 to 13.04.003.0 to 5.07.00",
        "ROUGE-230.0028.0 to 33.024.0023.0 to 25.027.00",
        "ROUGE-L50.0048.0 to 53.044.0043.0 to 45.047.00",
        "ROUGE sum70.0068.0 to 73.064.0063.0 to 65.067.00",
        "ROUGE mean90.0088.0 to 93.084.0083.0 to 85.087.00",
        "chrF110.00108.0 to 113.0104.00103.0 to 105.0107.00",
    ]
    assert not any("No better than chance" in note for note in page.texts("p"))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("completed", "completed"),
        ("running", "still running: this page shows what was written so far"),
        ("failed", "failed: this page shows what was written until then"),
        ("odd", "odd"),
    ],
)
def test_the_status_in_words(status: str, words: str) -> None:
    page = Page(summary.heading(record_of(status=status)))
    assert page.texts("p", "status") == [words]
    assert page.all("p", "status")[0].attributes["class"] == f"status {'unknown' if status == 'odd' else status}"
