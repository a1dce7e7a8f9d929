import re

import pytest

from src.reports.korean import interface_texts, korean, translations
from src.reports.report import write_report
from src.tests.reports.conftest import WriteRun

NAMES = re.compile(
    r"ROUGE|chrF|Porter|word|CPU|AMD|EPYC|cpu|utf|cp949|GiB|UTC|yoyak|torch|transformers|float32|bf16|NaN"
)


@pytest.mark.parametrize(
    ("english", "expected"),
    [
        ("Scores", "점수"),
        ("4 min 10 s", "4분 10초"),
        ("18.9 to 30.4", "18.9 ~ 30.4"),
        ("n = 1,200 dialogues", "대화 1,200개"),
        ("chrF better by 12.3, 95% interval 10.1 to 14.6, n = 500", "chrF 12.3 나음, 95% 구간 10.1 ~ 14.6, n = 500"),
        (
            "Memory ran out 2 times in training; since then 4,096 tokens at a time.",
            "학습 중에 메모리가 2번 모자람, 그 뒤로 한 번에 토큰 4,096개씩.",
        ),
        ("Memory ran out 1 time in evaluation.", "평가 중에 메모리가 1번 모자람."),
        ("3.2 s for checkpoints", "체크포인트에 3.2초"),
        ("something of the run", "something of the run"),
    ],
)
def test_korean(english: str, expected: str) -> None:
    assert korean(english) == expected


def test_what_comes_from_a_run_is_no_interface() -> None:
    markup = '<p>Scores</p><code>Data</code><div translate="no" aria-label="Data"><b>Loss</b><br></div><i>Loss</i>'
    assert interface_texts(markup) == ["Scores", "Data", "Loss"]
    assert translations('<p translate="no">Scores</p><p>Loss</p>') == {"Loss": "손실"}


def test_every_word_of_the_interface_has_korean(write_run: WriteRun) -> None:
    page = write_report(write_run()).read_text(encoding="utf-8")
    body = page[page.index("<body") : page.index("<script")]
    own = [text for text in interface_texts(body) if text != "quickstart" and "GFLOP" not in text]
    left = [text for text in own if re.search("[A-Za-z]{3}", NAMES.sub("", korean(text))) and "no summary" not in text]
    assert left == ["Language / 언어"]
