"""What a run's page says of refining, with figures worked out by hand."""

import copy
from typing import Any

from src.reports.refining import refining_section
from src.reports.report import write_report
from src.runs.json_lines import Metric
from src.runs.schema import RunRecord
from src.tests.reports.conftest import METRICS, RUN, WriteRun
from src.tests.reports.page import Page

CONFIG = {
    "refine": {"reward": "rouge_sum", "facts_weight": 20.0},
    "evaluation": {"tokenization": "word", "stemmer": True},
}
WHY = {"why_ended": "all 4 steps are made", "why_ended_ko": "스텝 4개를 모두 마쳤습니다"}
REFINED: dict[str, Any] = copy.deepcopy(RUN) | {"name": "r1", "config": CONFIG, "refine": WHY, "train": {"steps": 4}}


def evaluation(step: int, reward: float, kept: float = 0.5, unsupported: float = 0.02) -> dict[str, Any]:
    figures = {"reward": reward, "score": reward - 20, "facts_kept": kept, "facts_unsupported": unsupported}
    figures |= {"words": 20.0, "ended": 1.0, "copied": 0.125, "repeated": 0.0125}
    return {"step": step} | {f"eval_{name}": value for name, value in figures.items()}


def step(number: int, reward: float, **more: float) -> dict[str, Any]:
    drawn = evaluation(number, reward)
    return {name.removeprefix("eval_"): value for name, value in drawn.items()} | {
        "entropy": 1.25,
        "grad_norm": 0.5,
        **more,
    }


LINES = [
    evaluation(0, 100.0), step(1, 90.0), step(2, 95.0), evaluation(2, 110.0, kept=0.6, unsupported=0.0),
    step(3, 97.0), step(4, 99.0), evaluation(4, 108.0),
]  # fmt: skip


def section(lines: list[dict[str, Any]], **changes: Any) -> str:
    record = RunRecord.model_validate({**copy.deepcopy(REFINED), **changes})
    return refining_section(record, [Metric.model_validate(line) for line in lines])


def test_the_best_evaluation_stands_beside_the_first() -> None:
    page = Page(section(LINES))
    assert page.texts("tr") == [
        "FigureStart, step 0Best, step 2Change",
        "Reward100.0110.0+10.0",
        "Score80.090.0+10.0",
        "Facts kept, %50.060.0+10.0",
        "Unsupported facts in 100 summaries2.00.0\N{MINUS SIGN}2.0",
        "Words a summary20.020.0±0.0",
        "Share that ended, %100.0100.0±0.0",
        "Words copied in runs of three or more, %12.512.5±0.0",
        "Repeated 3-grams, %1.21.2±0.0",
    ]
    assert page.texts("p")[:2] == [
        "Rewarded for ROUGE sum (word tokenization, Porter stemmer) and, with up to 20 points, for the reference's "
        "facts that a summary keeps, less those that the dialogue does not hold; a summary that did not end gets 0.",
        "It ended: all 4 steps are made.",
    ]


def test_each_figure_has_a_curve_of_drawn_summaries_and_marks_of_the_evaluation() -> None:
    page = Page(section(LINES))
    assert page.texts("strong") == [
        "Reward", "Score", "Facts kept, %", "Unsupported facts in 100 summaries", "Words a summary",
        "Share that ended, %", "Words copied in runs of three or more, %", "Repeated 3-grams, %",
        "Entropy, nats a token",
    ]  # fmt: skip
    assert page.texts("desc")[0] == (
        "Drawn: 90.0 at step 1, 99.0 at step 4, between 90.0 and 99.0. "
        "Evaluation: 100.0 at step 0; 110.0 at step 2; 108.0 at step 4."
    )
    assert page.texts("desc")[-1] == "Entropy, nats a token: 1.250 at step 1, 1.250 at step 4, between 1.250 and 1.250."


def test_the_distance_is_drawn_where_it_counts() -> None:
    page = Page(section([LINES[0], step(1, 90.0, distance=0.0), step(2, 95.0, distance=0.125)]))
    assert page.texts("strong")[-1] == "Distance from the start, nats a token"
    assert page.texts("desc")[-1].endswith(
        "0 at step 1, 0.125 at step 2, between 0.000 and 0.125.".replace("0 at", "0.000 at")
    )
    still = Page(section([LINES[0], step(1, 90.0, distance=0.0)]))
    assert still.texts("strong")[-1] == "Entropy, nats a token"


def test_what_is_not_rewarded_is_not_said() -> None:
    chrf = {"refine": {"reward": "chrf", "facts_weight": 0.0}, "evaluation": CONFIG["evaluation"]}
    page = Page(section(LINES, config=chrf, refine=None))
    assert page.texts("p")[0] == "Rewarded for chrF; a summary that did not end gets 0."
    assert not page.texts("p")[1].startswith("It ended")
    assert section(LINES, config={}).count("Rewarded") == 0


def test_korean() -> None:
    page = Page(section(LINES), "ko")
    assert page.texts("p")[:2] == [
        "보상: ROUGE 합(word 토큰화, Porter 어간 추출), 기준 요약의 사실을 지키면 최대 20점을 더하고 대화에 없는 "
        "사실만큼 뺍니다. 끝맺지 못한 요약은 0점입니다.",
        "종료 이유: 스텝 4개를 모두 마쳤습니다.",
    ]
    assert page.texts("tr")[0] == "항목시작, 스텝 0최고, 스텝 2변화"


def test_a_start_that_nothing_was_better_than_is_said_to_be_the_final_model() -> None:
    start, later = evaluation(0, 100.0), evaluation(2, 90.0)
    for best, said in ((start, True), (later, False)):
        html = section(LINES, refine=WHY | {"start": start, "best": best})
        assert ("the final model is the one that refining began with." in html) == said
        assert ("최종 모델은 보상 학습을 시작한 모델 그대로입니다." in html) == said


def test_figures_of_greedy_summaries_are_told_from_the_scores_of_others() -> None:
    for generation, said in (
        ({"num_beams": 4}, 1),
        ({"mbr_samples": 8}, 1),
        ({"repetition_penalty": 1.2}, 1),
        ({"num_beams": 1}, 0),
        ({}, 0),
    ):
        html = section(LINES, config=CONFIG | {"generation": generation})
        assert html.count("These figures are of greedy summaries") == said
        assert html.count("이 값은 탐욕적으로(greedy) 생성한 요약의 것") == said


def test_a_run_that_was_not_refined_has_no_such_part(write_run: WriteRun) -> None:
    assert section(METRICS) == section([]) == ""
    assert 'id="refining"' not in write_report(write_run()).read_text()
    page = write_report(write_run(run=REFINED, metrics=LINES)).read_text()
    assert Page(page).texts("h2")[:3] == ["Scores", "Refining", "Training"]
