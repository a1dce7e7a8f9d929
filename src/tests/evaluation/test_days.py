"""Days and weeks from now: a summary's is held by what the dialogue says of the same one."""

import pytest

from src.tests.evaluation.test_facts import missing


def test_days_from_now_and_their_ways():
    dialogue = "민수: 모레는 어때? 사흘 전에 샀어."
    assert missing("모레 이틀 뒤에 만난다.", dialogue) == []
    assert missing("오늘, 내일, 사흘 뒤에 만난다.", dialogue) == ["오늘", "내일", "사흘"]
    assert missing("오늘 만난다.", "민수: 좋아!") == []  # often meant, and not said
    assert missing("It was three days ago, not in two days.", "A: Three days ago. B: The day after tomorrow.") == []


@pytest.mark.parametrize(
    ("summary", "held", "not_held"),
    [
        ("다음 주말에 간다.", "지은: 다음 주말에 가자.", "지은: 이번 주말은 바빠. 다음 주에 가자."),
        ("다음 주말에 간다.", "지은: 다음 주 토요일에 가자.", "지은: 이번 주 토요일은 바빠. 다음 주에 가자."),
        ("다음 주말에 간다.", "지은: 다음 주는 어때?\n민수: 토요일 좋아.", "지은: 다음 주는 어때?\n민수: 금요일 좋아."),
        ("다음 주 주말에 간다.", "지은: 다음 주말에 가자.", "지은: 이번 주 주말은 바빠. 다음 주에 가자."),
        ("다음 주 월요일에 간다.", "지은: 담주 월욜에 가자.", "지은: 이번 주 월요일은 바빠. 다음 주에 가자."),
        ("다음 주 월요일에 간다.", "지은: 다음 주는 월수금에 열어.", "지은: 지난주의 월요일처럼 다음 주에 가자."),
        ("주말과 월요일에 간다.", "지은: 다음 주말에 가자. 이번 주 월요일에도.", "지은: 이번 주에 가자."),
        ("They meet next weekend.", "A: Next  weekend?", "A: This weekend?\nB: No, next week."),
        ("They meet next weekend.", "A: Next week?\nB: Saturday is fine.", "A: Next week?\nB: Not this weekend."),
        ("They meet this weekend.", "A: On the weekend?", "A: Next weekend?"),
        ("They meet on weekends.", "A: This weekend too?", "A: This week too?"),
    ],
)
def test_a_day_and_its_week_stand_together(summary, held, not_held):
    assert missing(summary, held) == []
    assert len(missing(summary, not_held)) > 0
