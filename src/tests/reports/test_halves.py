"""No sentence, label or tooltip of a page without its other half; Korean as Koreans write it."""

import copy
import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from src.bilingual import Text
from src.config.schema import DataSettings
from src.data.files import records
from src.data.files.sources import read_dialogues
from src.data.tools.stats import describe_files, measure_rows
from src.reports.compare_page import render_comparison
from src.reports.comparison import compare_runs
from src.reports.data_page import render_data_page
from src.reports.markup import Html, both, join, tag
from src.reports.report import write_report
from src.tests.reports.conftest import METRICS, PREDICTIONS, RUN, WriteRun, changed
from src.tests.reports.halves import Halves
from src.tests.reports.page import Page
from src.tests.reports.test_refining import LINES, REFINED

SCORE = {
    f"{key}{end}": 10.0 + place
    for key in ("rouge1", "rouge2", "rougeL", "rouge_sum", "rouge_mean", "chrf")
    for place, end in enumerate(("", "_low", "_high", "_floor", "_floor_low", "_floor_high", "_lead3"))
}
PLANNED = ("peak_bytes", "step_seconds", "seconds")
# Names of a letter and a digit: what else is Latin on the Korean side has no Korean.
WHOLE = copy.deepcopy(RUN) | {
    "name": "r1",
    "device": {"type": "cpu", "name": "E5", "memory_bytes": 2**34, "threads": 2},
    "plan": {f"{of}_{key}": 1e9 for of in ("predicted", "measured") for key in PLANNED},
    "scores": {"zero_shot": RUN["scores"]["zero_shot"], "fine_tuned": {"tokenization": "word", **SCORE}},
    "resolved": {"engine": "packed", "engine_reason": "as configured", "engine_reason_ko": "설정대로"},
}  # fmt: skip
MANY = [
    {
        "fname": f"d{place}", "topic": ("tea", "tax", "art")[place % 3], "dialogue": f"Ann: {'word ' * (place + 1)}",
        "summary": "a b c d", "zero_shot": "x", "fine_tuned": "Anna at 7" if place % 2 else "",
    }
    for place in range(12)
]  # fmt: skip


def without(path: str) -> dict[str, Any]:
    run = copy.deepcopy(WHOLE)
    *parents, last = path.split(".")
    del functools.reduce(dict.__getitem__, parents, run)[last]
    return run


def leaves(values: dict[str, Any], before: str = "") -> list[str]:
    paths = []
    for name, value in values.items():
        paths.append(f"{before}{name}")
        if isinstance(value, dict) and name not in ("config", "versions", "settings_changed", "dropped"):
            paths += leaves(value, f"{before}{name}.")
    return paths


RUNS: dict[str, tuple[Any, Any, Any]] = {
    "whole": (WHOLE, METRICS, PREDICTIONS),
    "many examples": (WHOLE, METRICS, MANY),
    "many examples unscored": (WHOLE, METRICS, [{**row, "summary": None} for row in MANY]),
    "empty": ({}, None, None),
    **{f"{status}": ({**WHOLE, "status": status}, '{"step": 1, "loss": NaN}\n{"st', None) for status in
       ("running", "interrupted", "failed")},
    "infinite": (WHOLE, '{"step": 1, "loss": NaN}\n{"step": 2, "loss": 1.0}\n{"step": 3, "loss": 1.5}\n', None),
    "one stage": ({**WHOLE, "scores": {"zero_shot": SCORE}}, None, None),
    "little cut": ({"truncation": {"train": {"prompts_cut": 1, "long_summaries": 2}}}, None, None),
    "no train figures": ({**WHOLE, "train": {}}, METRICS, None),
    "refined": (WHOLE | {key: REFINED[key] for key in ("config", "refine")}, LINES, PREDICTIONS),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_run_page(write_run: WriteRun, name: str) -> None:
    page = Halves(write_report(write_run(*RUNS[name])).read_text(encoding="utf-8"))
    assert page.faults() == []
    assert len(page.seen["ko"]) >= len(page.seen["en"]) >= 5


def test_run_page_without_any_one_value(write_run: WriteRun) -> None:
    for path in leaves(WHOLE):
        page = Halves(write_report(write_run(without(path), METRICS, None)).read_text(encoding="utf-8"))
        assert (path, page.faults()) == (path, [])


def test_comparison_page(make_run: Callable[..., Path]) -> None:
    first = make_run("r1")
    others = [
        make_run("r2", changed("a b c d", "x", "x"), learning_rate=0.2, status="interrupted"),
        make_run("r3", [{"dialogue": "가: 나", "summary": "a b", "fine_tuned": "가 나"}]),
    ]
    for folders, tokenization in (([first, others[0]], None), ([first, *others], "ascii"), ([others[1], first], None)):
        page = Halves(render_comparison(compare_runs(folders, tokenization)))
        assert page.faults() == []
        assert len(page.seen["ko"]) >= 40


def test_data_page(tmp_path: Path) -> None:
    said = "A: we meet at nine tomorrow\nB: fine, at nine then"
    rows = [(said, "We meet.", "tea"), (said + " or ten", "s", "tea"), ("A: hi", "s", "art")]
    rows += [("", "s", ""), ("A: x", "", "")]
    for name, its in (("a", rows), ("b", rows[:1]), ("c", [("C: else", "s", "")])):
        lines = [",".join(f'"{cell}"' for cell in row) for row in its]
        (tmp_path / f"{name}.csv").write_text("dialogue,summary,topic\n" + "\n".join(lines) + "\n")
    settings = DataSettings(on_bad_rows="drop")
    tables = [read_dialogues(str(tmp_path / f"{name}.csv"), settings) for name in "abc"]
    measures = [
        measure_rows(table.rows, lambda texts: [len(text) for text in texts])
        | {name: [1.0 for _ in table.rows] for name in ("compression", "coverage", "density")}
        for table in tables
    ]
    for chosen, tokenizer in ((slice(3), "smollm2.json"), (slice(1), None)):
        stats = describe_files(tables[chosen], measures[chosen], tokenizer, "word", 0.7)
        page = Halves(render_data_page(stats, measures[chosen]))
        assert page.faults() == []
        assert "제외했습니다" in " ".join(page.seen["ko"])


def test_every_kind_of_bad_row_has_korean() -> None:
    """Each is written out where a row is dropped: `BadRow(line, "kind")`, `_BadCellError("kind")`."""
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(records.__file__).parent.glob("*.py"))
    kinds = set(re.findall(r'(?:BadRow\([\w.]+, |BadCellError\(|^REASON = )"([^"]+)"', sources, re.MULTILINE))
    assert len(kinds) == 12
    assert [kind for kind in kinds if not re.search("[가-힣]", records.dropped_for(kind).ko)] == []


def test_the_faults_that_are_looked_for() -> None:
    """A sentence in one language, halves in the wrong place or alone, a label and a tooltip without Korean."""
    assert Halves(tag("p", "One language.")).faults() == ["One language."]
    assert Halves(tag("p", Text("One language.", "One 언어."))).faults() == ["One 언어."]
    assert Halves(tag("p", Text("점수", "점수"))).faults() == ["점수"]
    assert Halves(Html('<p><span class="en">A</span></p>')).faults() == ["no Korean behind 'A'"]
    assert Halves(Html('<p><span class="ko">가</span></p>')).faults() == ['no English before <span class="ko">']
    assert Halves(tag("p", "7", title="not held")).faults() == ["not held"]
    assert Halves(tag("p", "7", aria_label=Text("Dialogue", "대화"))).faults() == []
    assert Halves(tag("svg", tag("title", "up to 7: ", Text("8 words", "단어 8개")))).faults() == ["up to 7: 단어 8개"]
    assert Halves(tag("p", tag("code", "model.dtype"), tag("q", "measured", lang="en"))).faults() == []


def test_a_pair_becomes_both_halves() -> None:
    pair = Text("a <b>", "가 <나>")
    halves = '<span class="en" lang="en">a &lt;b&gt;</span><span class="ko" lang="ko">가 &lt;나&gt;</span>'
    assert tag("p", pair) == f"<p>{halves}</p>"
    assert join(pair, Text("ROUGE", "ROUGE")) == f"{halves}ROUGE"
    assert tag("text", Text("x", "엑스")) == (
        '<text><tspan class="en" lang="en">x</tspan><tspan class="ko" lang="ko">엑스</tspan></text>'
    )
    assert tag("p", "1", title=pair) == '<p title="a &lt;b&gt;" data-ko-title="가 &lt;나&gt;">1</p>'
    assert tag("title", "7 ", pair) == '<title data-ko="7 가 &lt;나&gt;">7 a &lt;b&gt;</title>'
    assert both(Html("<i>a</i>"), "나") == (
        '<span class="en" lang="en"><i>a</i></span><span class="ko" lang="ko">나</span>'
    )


def test_what_a_korean_reads(write_run: WriteRun) -> None:
    """A run in which much is missing, and its words."""
    run = copy.deepcopy(RUN) | {"yoyak": "0.1.2", "status": "interrupted"}
    run["scores"]["fine_tuned"] |= {"tokenization": "ascii", "n": None, "rouge_sum_floor": 200.0, "rouge_sum_low": 80.0}
    del run["truncation"]["train"]["turns_cut"]
    page = Page(write_report(write_run(run=run)).read_text(encoding="utf-8"), "ko")
    assert page.texts("p", "status") == ["중단됨: 그때까지 기록된 내용을 보여 줍니다"]
    assert page.texts("dd", "note")[0] == "평균 28.55; ascii 토큰화, Porter 어간 추출, 대화 수 기록 없음"
    assert page.texts("dd", "figure")[2:] == ["초당 토큰 150.2개", "3.82 GiB", "4분 10초", "488만"]
    assert page.texts("dd", "note")[2:4] == ["초당 예시 0.60개", "전체 16.00 GiB"]
    assert page.texts("dd", "note")[4:] == ["옵티마이저 스텝 40개; 체크포인트 저장 3.2초", "전체 1.39억, 3.50%"]
    assert "대화 80개 중 3개를 입력 한도에 맞게 줄였습니다: 토큰 1,345개를 뺐습니다." in page.texts("li")
    assert "스텝 20, 2026-11-24 12:02 UTC; 스텝 30, 2026-11-24 12:03 UTC" in page.texts("dd")
    assert "손실이나 그래디언트가 수가 아니어서 스텝 1개를 건너뛰었습니다." in page.texts("p", "note")
    assert "학습 중에 메모리가 1번 부족했습니다. 그 뒤로는 한 번에 토큰 4,096개씩입니다." in page.texts("p", "note")
    assert "무작위 기준 점수는 학습 후의 요약을 다른 대화의 기준 요약과 비교한 점수입니다." in page.texts("p", "note")
    assert "무작위 기준과 구별되지 않는 점수: ROUGE 합." in page.texts("p", "note")
    assert page.texts("th")[:4] == ["F1 × 100", "학습 전", "학습 후", "무작위 기준 점수"]
    assert (
        page.texts("desc")[0]
        == "학습: 스텝 2에서 2.900, 스텝 40에서 1.700, 1.700 ~ 2.900 사이. 평가: 스텝 20에서 2.100."
    )
    assert page.texts("footer") == ["yoyak 0.1.2가 작성했습니다."]
    assert page.all("nav")[0].attributes["aria-label"] == "목차"
    assert page.texts("title")[0] == "quickstart · yoyak 실행"
