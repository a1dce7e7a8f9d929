import csv
import json
from pathlib import Path

import pytest

from src.evaluation.facts import Held, find_facts, unsupported_facts
from src.evaluation.names import lowercase_words
from src.evaluation.units import Fact

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def facts_of(text):
    return [(fact.kind, fact.text) for fact in find_facts([text])[0] if fact.values]


def missing(summary, dialogue):
    return [fact.text for fact in unsupported_facts(find_facts([summary]), [dialogue])[0]]


def weekend_of(week):
    return tuple(f"{day}:{of}" for day in ("weekend", "Saturday", "Sunday") for of in (week, "any"))


@pytest.mark.parametrize(
    ("summary", "dialogue"),
    [
        ("세 시에 만난다.", "A: 3시에 봐요."),
        ("3시에 만난다.", "A: 세 시요."),
        ("오후 3시에 만난다.", "A: 15:00에 시작해요."),
        ("3시 반에 만난다.", "A: 세시 반 어때요?"),
        ("3시 30분에 만난다.", "A: 3:30에요."),
        ("20분 걸린다.", "A: 이십분이면 돼요."),
        ("이십 분 걸린다.", "A: 20분이요."),
        ("오만 원을 냈다.", "A: 50,000원입니다."),
        ("50,000원을 냈다.", "A: 5만원이에요."),
        ("3만 3천 원이다.", "A: 33000원."),
        ("열두 명이 온다.", "A: 12명이요."),
        ("12명이 온다.", "A: 모두 열두명이에요."),
        ("스물다섯 살이다.", "A: 25살이에요."),
        ("사흘 뒤에 간다.", "A: 3일 뒤요."),
        ("월요일에 간다.", "A: 월요일이요."),
        ("2024년 5월 13일이다.", "A: 이천이십사년 5월 13일."),
        ("두 사람이 이야기한다.", "A: 안녕.\nB: 안녕."),
        ("한 가지를 물었다.", "A: 뭐예요?"),
        ("민수는 서울에 간다.", "A: 민수야, 서울 가?"),
        ("Mark는 #Person1#을 만난다.", "#Person1#: mark한테 전화했어."),
        ("They meet at three.", "A: See you at 3."),
        ("They meet at 3 p.m.", "A: 15:00 is fine."),
        ("They meet at half past three.", "A: 3:30?"),
        ("They meet at quarter to four.", "A: 3:45?"),
        ("It costs 25,000 dollars.", "A: That's twenty-five thousand."),
        ("It costs two hundred and five.", "A: $205!"),
        ("It costs 20,000 RMB.", "A: 20, 000 RMB, no exceptions."),
        ("It takes a dozen days.", "A: 12 days."),
        ("He is 3rd.", "A: You came third."),
        ("They meet on Monday in May.", "A: Mondays in May."),
        ("Two people talk about one thing.", "A: Hi.\nB: Hi."),
        ("A Chinese, a Canadian and the Browns meet.", "A: China! Canada! Brown!"),
        ("Tom's plan is Dr. Brown's.", "Tom: Brown’s idea."),
        ("#Person1# talks.", "#Person1#: Hi."),
        ("Tom calls O’Brien.", "A: Tom'll be late. So did O'Brien's."),
    ],
)
def test_what_the_dialogue_holds_in_other_words(summary, dialogue):
    assert missing(summary, dialogue) == []


@pytest.mark.parametrize(
    ("summary", "dialogue", "expected"),
    [
        ("네 시에 만난다.", "A: 3시에 봐요. 네, 좋아요.", ["네 시"]),
        ("3시 반에 만난다.", "A: 3시에 봐요.", ["3시 반"]),
        ("오만 원을 냈다.", "A: 5천 원이요.", ["오만 원"]),
        ("열두 명이 온다.", "A: 열 명이요.\nB: 두 명이요.", ["열두 명"]),
        ("두 시간이 걸린다.", "A: 이 사람이 누구예요?", ["두 시간"]),
        ("화요일에 간다.", "A: 월요일이요.", ["화요일"]),
        ("철수는 부산에 간다.", "A: 민수야, 서울 가?", ["철수", "부산"]),
        ("#Person3#이 온다.", "#Person1#: 네.", ["#Person3#"]),
        ("They meet at four.", "A: See you at 3.", ["four"]),
        ("They meet at half past three.", "A: 3:00.", ["half past three"]),
        ("They meet on Friday, June 5th.", "A: Monday.", ["Friday", "June 5th"]),
        ("Later Tom Brown calls New York.", "A: Tom is in New Orleans.", ["Tom Brown", "New York"]),
        ("Mark calls.", "A: Marketing!", ["Mark"]),
        ("#Person3# comes.", "#Person1#: Hi.", ["#Person3#"]),
    ],
)
def test_what_the_dialogue_does_not_hold(summary, dialogue, expected):
    assert missing(summary, dialogue) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("백화점 천장이 샌다. 첫 번째다.", []),
        ("이분은 네, 하고 세상을 만났다. 오이를 샀다.", []),
        ("수천 명이 여러 번 왔다. 한 10분 뒤에 한 번 더 왔다.", [("number", "10분")]),
        ("두세 명이 왔다.", [("number", "두세 명")]),
        ("1.5배, 30% 싸다.", [("number", "1.5배"), ("number", "30%")]),
        ("010-1234-5678로 2024-05-03에", [("number", "010-1234-5678"), ("date", "2024-05-03")]),
        ("I may march on. It takes a second.", []),
        ("The second of 5/13 is 24/7.", [("date", "5/13"), ("date", "24/7")]),
        ("Mr. Brown is OK. Mom calls.", [("name", "Brown")]),
        ("They've met. You’re right. It's he; He'll come. Let's go. That'd do. I'm in.", []),
        ("Don't go. Isn't it? Can’t stop, Won't do. Y'all and Ma'am.", []),
        ("O'Brien calls. D’Angelo's in.", [("name", "O'Brien"), ("name", "D'Angelo")]),
        ("Tom'll call. The Browns've left.", [("name", "Tom"), ("name", "Browns")]),
        ("", []),
    ],
)
def test_what_counts_as_a_fact(text, expected):
    assert facts_of(text) == expected


def test_a_sentences_first_word_is_a_name_unless_it_is_lower_case_somewhere():
    text = "Customers complain. Walking is fun. Tom agrees."
    assert [name for _, name in facts_of(text)] == ["Customers", "Tom"]
    lowercase = lowercase_words([text, "A: Our customers, you know."])
    assert [fact.text for fact in find_facts([text], lowercase)[0]] == ["Tom"]
    assert "soup" in lowercase_words(["The soup's hot."])


def test_speakers_are_counted_not_turns():
    """Two people in three turns: two needs no ground, three has none."""
    dialogue = "A: 안녕.\nB: 안녕.\nA: 응."
    assert missing("두 사람이 이야기한다.", dialogue) == []
    assert missing("세 사람이 이야기한다.", dialogue) == ["세 사람"]
    assert missing("두 시에 두 사람이 2층에서 만난다.", dialogue) == ["두 시", "2층"]
    turns = "Ann: Hi.\nBen: Hi.\nAnn: Bye.\nBen: Bye."
    assert missing("Two people talk.", turns) == []
    assert missing("Four people talk.", turns) == ["Four"]


def test_every_part_of_a_name_is_needed_as_a_word():
    assert missing("They meet Tom Brown.", "Ann: Tom is here.") == ["Tom Brown"]
    assert missing("They meet Ann.", "Ben: The annual plan.") == ["Ann"]  # no part of a longer word
    assert missing("An Irish and a Dane met Ed.", "A: Ireland! Denmark! Editor.") == ["Irish", "Dane", "Ed"]
    assert missing("Both met TOM.", "A: Tom!") == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("영어로 위약금과 토익을 설명하며 라떼를 마셨다.", []),
        ("민지는 석진이에게 사과했다.", ["석진", "민지"]),
        ("아들은 준수네에서 잤다.", ["준수"]),
        ("변호사는 김성호 씨가 낸다고 했다.", ["김성호"]),
        ("최 대리가 이 대리에게 말했다.", ["최 대리"]),  # `이 대리` may be this deputy
    ],
)
def test_korean_names(text, names):
    found = [name for kind, name in facts_of(text) if kind == "name"]
    assert sorted(found) == sorted(names)


def test_a_surname_with_a_title_is_held_by_the_whole_name():
    assert missing("최 과장이 온다.", "A: 최준영 과장님 오세요?") == []
    assert missing("최 과장이 온다.", "A: 김준영 과장님 오세요?") == ["최 과장"]
    assert missing("유빈이가 온다.", "유빈: 갈게.") == []


def test_a_particle_at_the_end_of_a_name_of_three_letters_may_be_one():
    held = Held(frozenset(), "민수야, 서울 가?")
    assert held.holds(Fact("name", "민수가", (("민수가",),)))
    assert not held.holds(Fact("name", "민가", (("민가",),)))
    assert not held.holds(Fact("name", "철수가", (("철수가",),)))


def test_a_fact_counts_once_and_names_beside_each_other_are_one():
    assert facts_of("Tom Brown met Ann. Tom Brown left, Ann too.") == [("name", "Tom Brown"), ("name", "Ann")]
    assert facts_of("They saw Ann, Ben.") == [("name", "Ann"), ("name", "Ben")]
    assert facts_of("They saw Mr. Lee. Walking is fun! They left.") == [("name", "Lee")]
    assert facts_of("They saw Mr. Kelly. Early birds left.") == [("name", "Kelly")]  # the dot of Mr. ends no sentence


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("At 3:30.", (("clock:210", "clock:930", "bare:3"), ("clock:210", "clock:930", "bare:30"))),
        ("At 3:30 p. m.", (("clock:930", "bare:3"), ("clock:930", "bare:30"))),
        ("At 15:00.", (("clock:900", "bare:15"),)),
        ("At 12 o'clock.", (("clock:720", "clock:0", "bare:12"),)),
        ("At ten in the evening.", (("clock:1320", "bare:10"),)),
        ("At half past three.", (("clock:210", "clock:930", "bare:3"), ("clock:210", "clock:930", "bare:30"))),
        ("At quarter to four.", (("clock:225", "clock:945", "bare:3"), ("clock:225", "clock:945", "bare:45"))),
        ("By midnight.", (("clock:0", "bare:12"),)),
        ("On June 5th.", (("date:6/5", "month:6"), ("date:6/5", "other-day:5"))),
        ("On the twenty-first of May.", (("date:5/21", "month:5"), ("date:5/21", "other-day:21"))),
        ("They call 010-020.", (("said:10",), ("said:20",))),
        ("It costs $12,345.60.", (("dollars:61728/5", "bare:12345.6"),)),
        ("Two and a half hours.", (("seconds:9000", "bare:5/2"),)),
        ("It takes half an hour.", (("seconds:1800",),)),
        ("A year ago.", ()),
        ("Three years ago.", (("months:36-", "month-36", "year-3", "age:3", "bare:3"),)),
        ("Two books.", (("things:2", "bare:2"),)),
        ("It is next week.", (("week+1",),)),
        ("It was last weekend.", (weekend_of("week-1"),)),
    ],
)
def test_values_of_english_quantities(text, values):
    assert [fact.values for fact in find_facts([text])[0]] == [values]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("세 시 반에 만난다.", (("clock:210", "clock:930", "bare:3"), ("clock:210", "clock:930", "bare:30"))),
        ("오후 두 시에 만난다.", (("clock:840", "bare:2"),)),
        ("밤 12시에 만난다.", (("clock:0", "bare:12"),)),
        ("정오에 만난다.", (("clock:720", "bare:12"),)),
        ("5월 3일에 만난다.", (("date:5/3", "month:5"), ("date:5/3", "other-day:3"))),
        ("보름 뒤에 간다.", (("seconds:1296000+", "day+15"),)),
        ("이틀 전에 갔다.", (("seconds:172800-", "day-2"),)),
        ("한 시간 반 걸린다.", (("seconds:5400",),)),
        ("2년 6개월 걸린다.", (("months:30",),)),
        ("두 분이 오신다.", (("people:2", "bare:2"),)),
        ("시월에 만난다.", (("month:10", "bare:10"),)),
        ("수요일에 간다.", (("Wednesday",),)),
        ("일욜에 간다.", (("Sunday",),)),
        ("주말에 간다.", (("weekend", "Saturday", "Sunday"),)),
        ("이번 주말에 간다.", (("week+0", "no-week"), weekend_of("week+0"))),
        ("다음주말에 간다.", (("week+1",), weekend_of("week+1"))),
        ("이번 주말고 간다.", (("week+0", "no-week"),)),
        ("모레 간다.", (("day+2",),)),
        ("다다음 주에 간다.", (("week+2",),)),
        ("오늘 간다.", (("day+0", "no-day"),)),
        ("12,345원을 냈다.", (("won:12345", "bare:12345"),)),
        ("30,000원을 냈다.", (("won:30000", "bare:30000", "bare:3"),)),
        ("3분의 2가 왔다.", (("share:200/3",),)),
        ("절반이 왔다.", (("share:50", "bare:50"),)),
        ("이자가 사 점 이오 퍼센트다.", (("share:17/4", "bare:4.25"),)),
        ("지하 2층에 있다.", (("floor:-2", "bare:-2"),)),
        ("세 번째다.", (("rank:3", "bare:3"),)),
        ("한 번 더 간다.", ()),
    ],
)
def test_values_of_korean_quantities(text, values):
    assert [fact.values for fact in find_facts([text])[0]] == [values]


def test_units_tell_numbers_apart():
    """The dialogue has seven months, the 17th and nine in the morning, and none of these in another unit."""
    dialogue = "민수: 일곱 달 걸렸어. 시험은 17일이야.\n지은: 아침 9시까지 갈게. 5월 3일이나 10일에 봐."
    assert missing("7월 9일 오후 5시에 9명이 7층에서", dialogue) == ["7월 9일", "오후 5시", "9명", "7층"]
    assert missing("3월 5일에 7개월, 밤 9시, 5월 10일, 10월 3일", dialogue) == ["3월 5일", "밤 9시", "10월 3일"]
    assert missing("May 5th at 3 p.m.", "A: May 3rd at 5.\nB: 3 a.m.") == ["May 5th", "3 p.m."]


def test_prices_may_be_said_without_their_unit():
    assert missing("1,500만 원에 판다.", "민수: 1,500에 줄게.") == []
    assert missing("1,400만 원에 판다.", "민수: 1,500에 줄게.") == ["1,400만 원"]


def test_a_second_half_of_a_number_is_not_enough():
    """10:30 needs both 10 and 30."""
    assert missing("They meet at 10:30.", "A: At 10, by bus 3.") == ["10:30"]


def test_broken_and_endless_text_does_no_harm():
    texts = ["\ud83d3시 \ud83d", "9" * 6000, "half past 3.5 o'clock, quarter to 0", "①②", "3.5.2.1", "만만만"]
    assert len(find_facts(texts)) == len(texts)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize(("language", "most"), [("ko", 0.02), ("en", 0.02)])
def test_human_summaries_hold_few_facts_that_their_dialogues_lack_and_strangers_many(language, most):
    """Of the facts in people's summaries under 2% look unsupported (some truly are); in other dialogues' most do."""
    if language == "ko":
        with (SHARED / "dialogsum_ko" / "train.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = [row for _, row in zip(range(200), csv.DictReader(file), strict=False)]
    else:
        lines = (SHARED / "dialogsum_en" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines[:200]]
    summaries, dialogues = [row["summary"] for row in rows], [row["dialogue"] for row in rows]
    facts = find_facts(summaries, lowercase_words(summaries + dialogues))
    own = sum(map(len, unsupported_facts(facts, dialogues)))
    strange = sum(map(len, unsupported_facts(facts, dialogues[1:] + dialogues[:1])))
    # Most names are #Person1# and #Person2#, which every dialogue has.
    assert own < most * sum(map(len, facts))
    assert strange > 20 * max(own, 1)


def test_a_question_begins_with_no_name():
    assert missing("Shall I come? Would you? Could Ann?", "A: Come.") == ["Ann"]
