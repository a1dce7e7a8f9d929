"""Exports of messengers and meeting tools become turns; every other dialogue stays as it is, byte for byte."""

import time
from pathlib import Path

import pytest

from src.config.schema import DataSettings
from src.data.chats.exports import dialogue_text, read_chat
from src.data.files.sources import load_dialogues
from src.data.prompt.plain_text import plain_text
from src.data.prompt.turns import speakers_of
from src.evaluation.facts import find_facts, unsupported_facts

CASES = Path(__file__).parent / "cases"
TURNS = {
    "kakaotalk_pc.txt": (
        "kakaotalk",
        2,
        """\
2026년 11월 1일 일요일
민수: 내일 워크숍 장소 정했어?
지은: 아직이요 후보는 두 곳이에요: 1) 남산 회의실 2) 강변 펜션
지은: (사진)
민수: 그럼 펜션으로, 4:30에 출발하자
2026년 11월 2일 월요일
서연/총무: (파일: 견적.xlsx)
서연/총무: 1인당 3만 원이에요""",
    ),
    "kakaotalk_android.txt": (
        "kakaotalk",
        0,
        """\
2026년 11월 1일 일요일
민수: 안녕
지은: 응 안녕! 모레 시간 돼?
민수: (사진 2장)
2026년 11월 2일 월요일
민수: 이제 봤어 : 7시에 보자""",
    ),
    "kakaotalk_ios.txt": (
        "kakaotalk",
        1,
        """\
2026년 11월 1일 일요일
민수: 저녁에 뭐 먹지
지은: 칼국수! 그 집 5시에 닫아
2026년 11월 2일 월요일
민수: 어제 잘 먹었어""",
    ),
    "kakaotalk_english.txt": (
        "kakaotalk",
        1,
        """\
Sunday, November 1, 2026
Minsu: Are we still on for tomorrow?
Jane: Yes, 6 pm at the station
Jane: (Photo)""",
    ),
    "kakaotalk_mac.csv": (
        "kakaotalk",
        1,
        """\
2026년 11월 1일 일요일
민수: 안녕, "내일" 회의 있지?
지은: 네 2시 회의실이에요
2026년 11월 2일 월요일
민수: 고마워""",
    ),
    "whatsapp_android.txt": (
        "whatsapp",
        1,
        """\
Friday, November 13, 2026
Ana: Flights are booked for the 20th
+44 7700 900123: (Media)
Saturday, November 14, 2026
Ben: Great, who brings the keys?""",
    ),
    "whatsapp_ios.txt": (
        "whatsapp",
        1,
        """\
11/1/26
Ana: (image)
Ana: Can you come at 4:30? Bring Ben
11/2/26
Ben: Sure""",
    ),
    "discord.txt": (
        "discord",
        1,
        """\
Friday, November 13, 2026
ana#0001: Game night on Friday? I can host
ben: (file)
Saturday, November 14, 2026
cleo: I'm in, from 7:30""",
    ),
    "discord.csv": (
        "discord",
        1,
        """\
Friday, November 13, 2026
ana: Game night on Friday?
Saturday, November 14, 2026
cleo: I'm in""",
    ),
    "zoom.vtt": (
        "captions",
        0,
        "김민수: 그럼 시작하겠습니다. 안건은 두 가지입니다.\nJane Park: 네, 예산부터 볼까요?",
    ),
    "zoom_chat.txt": ("zoom", 1, "김민수: 자료 공유드립니다 2쪽을 봐 주세요\nJane Park: thanks: got it"),
    "zoom_cloud.txt": ("zoom", 0, "Alex: Depends on the room.\nWei: Did you see page 3?"),
    "zoom_captions.txt": ("zoom", 0, "김민수: 안녕하세요\nJane Park: Hello, shall we start?"),
    "clova.txt": (
        "clova",
        0,
        """\
2026년 11월 4일 수요일
참석자 1: 그럼 시작할게요. 일정부터 보죠.
참석자 2: 네, 내일 5시 어떠세요?
김 팀장: 좋습니다.""",
    ),
}


def export(name):
    return plain_text((CASES / name).read_bytes().decode())


def test_each_case_has_its_turns():
    assert sorted(TURNS) == sorted(path.name for path in CASES.iterdir())


@pytest.mark.parametrize("name", TURNS)
def test_an_export_becomes_turns_and_these_stay_as_they_are(name):
    chat = read_chat(export(name))
    assert (chat.format, chat.left_out, chat.text) == TURNS[name]
    assert read_chat(chat.text) is None
    assert read_chat(export(name), chat.format) == chat
    assert read_chat(export(name), "turns") is None


@pytest.mark.parametrize("name", [name for name in TURNS if name.endswith(".txt")])
def test_lines_end_in_any_way(name):
    text = (CASES / name).read_bytes().decode()
    assert dialogue_text(plain_text(text.replace("\n", "\r\n"))) == TURNS[name][2]


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("[민수] [15:15] 안녕\n[3] [15:16] 응", "민수: 안녕\nP3: 응"),  # 24 hours; a number is no speaker
        ("[a: b] [오후 3:15] 네\n[a : b] [오후 3:15] 아니", "a b: 네\na b 2: 아니"),  # two people stay two
        ("오후 3:15, 민수 : 안녕\n오후 3:16, 지은 : 응", "민수: 안녕\n지은: 응"),
        ("앞이 잘린 말\n[민수] [오후 3:15] 안녕\n[지은] [오후 3:16] 응", "앞이 잘린 말\n민수: 안녕\n지은: 응"),
        (
            "2026. 11. 1. 오후 3:15 - 민수: 안녕\n2026. 11. 1. 오후 3:16 - 지은: 응",  # WhatsApp in Korean
            "2026년 11월 1일 일요일\n민수: 안녕\n지은: 응",
        ),
        (
            "민수 — 2026. 11. 1. 오후 3:15\n안녕\n지은 — Today at 3:16 PM\n응",
            "2026년 11월 1일 일요일\n민수: 안녕\nToday\n지은: 응",  # not on that day
        ),
        (
            "참석자 1 00:03 시작하죠\n참석자 1 00:09 먼저 예산\n참석자 2 01:31 네",
            "참석자 1: 시작하죠 먼저 예산\n참석자 2: 네",
        ),
        ("[00:00] Ann: Hi\n[00:12] Bo: Hello\nall", "Ann: Hi\nBo: Hello all"),
        (
            "WEBVTT\n\n0:0:1.0 --> 0:0:2.0\n<v Ann Lee>Good <i>morning</i></v>\n\n"
            "00:03.000 --> 00:04.000\n<v Bo>Hi</v>",
            "Ann Lee: Good morning\nBo: Hi",
        ),
        (
            "1\n00:00:01,000 --> 00:00:02,000\nAnn: Hi\nthere\n\n2\n00:00:03,000 --> 00:00:04,000\nBo: Yes",
            "Ann: Hi there\nBo: Yes",
        ),
        (
            "[민수] [오후 3:15] 과장님이 회의에서\n나갔습니다\n[지은] [오후 3:16] 네",
            "민수: 과장님이 회의에서 나갔습니다\n지은: 네",
        ),
        (
            "[민수] [오후 3:15] 보이스톡 해요\n[지은] [오후 3:16] 보이스톡 0:17\n"
            "[민수] [오후 3:17] 페이스톡 내일 8시에 하자\n[지은] [오후 3:18] 그룹콜 되나요?",
            "민수: 페이스톡 내일 8시에 하자\n지은: 그룹콜 되나요?",
        ),
        (  # dates and rules within messages, as announcements have them
            "--------------- 2026년 11월 1일 일요일 ---------------\n[민수] [오후 3:15] 모임 안내\n"
            "2026년 11월 20일 금요일\n----------\n장소: 강남역\n[지은] [오후 3:16] 또 언제?\n"
            "2026년 12월 4일 오후 3:10\n[민수] [오후 3:17] 응",
            "2026년 11월 1일 일요일\n민수: 모임 안내 2026년 11월 20일 금요일 ---------- 장소: 강남역\n"
            "지은: 또 언제? 2026년 12월 4일 오후 3:10\n민수: 응",
        ),
        (
            "2026년 11월 1일 오후 3:15, 민수 : 모임\n2026년 11월 20일\n강남역\n"
            "2026년 11월 1일 오후 3:16, 지은 : 또 언제?\n2026년 12월 4일\n2026년 11월 1일 오후 3:17, 민수 : 응\n"
            "2026년 11월 2일 오전 9:00\n2026년 11월 2일 오전 9:00, 민수 : 이따 봐",
            "2026년 11월 1일 일요일\n민수: 모임 2026년 11월 20일 강남역\n지은: 또 언제? 2026년 12월 4일\n민수: 응\n"
            "2026년 11월 2일 월요일\n민수: 이따 봐",
        ),
    ],
)
def test_other_writings_of_the_formats(text, turns):
    assert dialogue_text(text) == turns


@pytest.mark.parametrize(
    "text",
    [
        "#Person1#: Shall we meet at 3:15?\n#Person2#: Yes, 4:00 at the latest.",
        "민수: 오후 3:15에 봐\n지은: [사진] [오후 3:15] 이거?",
        "3:30 works for me.\nA: ok",
        "A: one\n\nB: two — 3:15",
        "A: from 3:15\nB: no, at 4:15\nA: then 5:00",
        "[Ann] 3:15 is fine\n[Bo] good",
        "[민수] [오후 3:15] 한 줄뿐",  # one message is not enough
        "",
        "A: \n",
    ],
)
def test_ordinary_dialogues_stay_as_they_are(text):
    assert read_chat(text) is None


def test_samples_stay_byte_for_byte():
    count = 0
    names = [f"{language}/{file}" for language in ("en", "ko") for file in ("train", "dev", "long")]
    for name in [f"sample:{name}.csv" for name in [*names, "ko/chat"]]:
        as_they_are = load_dialogues(name, DataSettings(dialogue_format="turns"), need_summary=False).rows
        assert load_dialogues(name, DataSettings(), need_summary=False).rows == as_they_are
        count += len(as_they_are)
    assert count > 200


def test_a_name_reads_a_single_message_and_nothing_else():
    one = "[민수] [오후 3:15] 한 줄뿐"
    assert dialogue_text(one, "kakaotalk") == "민수: 한 줄뿐"
    chat = read_chat(one, "whatsapp")
    assert (chat.text, chat.format) == (one, None)


def test_blank_rows_of_a_table_are_no_messages():
    """As a sheet leaves them."""
    rows = ["Date,User,Message", '2026-11-01 15:15:00,"민수","안녕"', ",,", '2026-11-01 15:16:00,"지은","응"', " ,,,"]
    assert read_chat("\n".join(rows)) == read_chat("\n".join([*rows[:2], rows[3]]))


@pytest.mark.parametrize(
    "text",
    [
        "15:15\t민수\t안녕\n15:16\t지은\t응\n15:20\t민수\t내일 봐",  # LINE
        "민수 (10:02)\n안녕하세요\n\n지은 (10:03)\n네\n반가워요\n\n민수 (10:05)\n좋아요",  # Google Meet
        "민수  오후 3:15\n안녕\n지은  오후 3:16\n응\n민수 오후 3:20\n그래",  # Slack
        "Aina, [20/08/2026 09:13]\nHi\n\nBen, [20/08/2026 09:14]\nYo\n\nAina, [20/08/2026 09:15]\nbye",  # Telegram
        "3:15 PM - hello\n3:16 PM - hi\n3:20 PM - bye",
        "민수 님과 카카오톡 대화\n저장한 날짜 : 2026-11-03 22:14:03\n\n",
        "엄마: 이거 봐\n[민수] [오후 3:15] 안녕\n[지은] [오후 3:16] 응\n[민수] [오후 3:17] 내일 봐",
        'Date,User,Message\n2026-11-01 15:15:00,"민수","안녕\n2026-11-01 15:16:00,"지은","응\n2026-11-01 15:17:00,',
    ],
)
def test_what_looks_like_an_export_and_is_not_read_is_said(text):
    chat = read_chat(text)
    assert (chat.text, chat.format, chat.looks_like_export) == (text, None, True)


def test_times_are_no_facts_and_no_speakers():
    turns = dialogue_text(export("kakaotalk_pc.txt"))
    assert speakers_of(turns) == ["민수", "지은", "지은", "민수", "서연/총무", "서연/총무"]
    summaries = ["민수는 3시 18분에 떠난다.", "민수는 4시 30분에 떠난다.", "워크숍은 11월 2일이다."]
    missing = unsupported_facts(find_facts(summaries), [turns] * 3)
    assert [[fact.text for fact in its] for its in missing] == [["3시 18분"], [], []]


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"[{'a' * 40}{number}] [3:15 PM] x\n" for number in range(8000)),  # names that begin alike
        "님과 카카오톡 대화\n[a] [오후 3:15] x\n" + ("님이 " * 60 + "\n") * 2000,
        "10:00:00 From a to b: x\n10:00:00 From c : x\n" + ("10:00:00 From " + " to x" * 30 + "\n") * 2000,
        "참석자 1 00:00\nx\n\n" + ("a" + " " * 400 + "\n\n") * 1000,
        "[a] [3:15 PM] x\n[a] [3:15 PM] x\n" + ("-" * 3 + " " * 400 + "x\n") * 1000,
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n" + "<a" * 200_000,
        "1:00 " + "1" * 400_000,
        'Date,User,Message\n2026-11-01 15:15:00,"a","' + "x" * 400_000,
    ],
    ids=lambda text: text[:20],
)
def test_hostile_texts_take_time_in_proportion_to_their_length(text):
    start = time.process_time()
    read_chat(text)
    assert time.process_time() - start < 3  # 0.1 to 0.3 s of work; what is quadratic takes minutes
