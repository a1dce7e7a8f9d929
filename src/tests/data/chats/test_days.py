import pytest

from src.data.chats.days import day_lines


@pytest.mark.parametrize(
    ("written", "korean", "english"),
    [
        ("2026년 11월 1일", "2026년 11월 1일 일요일", "Sunday, November 1, 2026"),
        ("2026. 11. 1.", "2026년 11월 1일 일요일", "Sunday, November 1, 2026"),
        ("2026.08.19 수", "2026년 8월 19일 수요일", "Wednesday, August 19, 2026"),
        ("2026-02-28", "2026년 2월 28일 토요일", "Saturday, February 28, 2026"),
        ("Sunday, November 1, 2026", "2026년 11월 1일 일요일", "Sunday, November 1, 2026"),
        ("Nov 1, 2026", "2026년 11월 1일 일요일", "Sunday, November 1, 2026"),
        ("01-Nov-26", "2026년 11월 1일 일요일", "Sunday, November 1, 2026"),
        ("01.11.2026", "2026년 11월 1일 일요일", "Sunday, November 1, 2026"),
        ("13/11/26", "2026년 11월 13일 금요일", "Friday, November 13, 2026"),
        ("11/13/2026", "2026년 11월 13일 금요일", "Friday, November 13, 2026"),
        ("3/4/26", "3/4/26", "3/4/26"),  # of April or of March
        ("2026-02-30", "2026-02-30", "2026-02-30"),
        ("31/31/2026", "31/31/2026", "31/31/2026"),
    ],
)
def test_a_day_in_both_languages(written, korean, english):
    assert day_lines([written], is_korean=True) == {written: korean}
    assert day_lines([written], is_korean=False) == {written: english}


def test_all_dates_together_decide_what_comes_first():
    assert day_lines(["3/4/26", "13/4/26"], False)["3/4/26"] == "Friday, April 3, 2026"
    assert day_lines(["3/4/26", "3/14/26"], False)["3/4/26"] == "Wednesday, March 4, 2026"
    assert day_lines(["11/1/26", "12/1/26", "1/2/27"], False)["1/2/27"] == "1/2/27"  # both run on
    assert day_lines(["30/12/26", "3/14/26"], False) == {"30/12/26": "30/12/26", "3/14/26": "3/14/26"}
    assert day_lines(["9/12/26", "10/12/26", "1/1/27"], False)["9/12/26"] == "9/12/26"
    assert day_lines(["9/11/26", "10/10/26"], False)["9/11/26"] == "Friday, September 11, 2026"  # else days go back
