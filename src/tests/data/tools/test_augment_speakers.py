"""Which speakers are renamed, which are left and why, and which words of a text are a speaker's name."""

import pytest

from src.data.tools.augment_speakers import find_speakers


def found(dialogue, summary="-"):
    speakers, unclear = find_speakers(dialogue, summary)
    return {speaker.label: (speaker.kind, speaker.old) for speaker in speakers}, unclear


def places(dialogue, summary, label):
    """The words that the pattern of a speaker matches."""
    speaker = next(one for one in find_speakers(dialogue, summary)[0] if one.label == label)
    return [match[0] for match in speaker.pattern.finditer(f"{dialogue}\n{summary}")]


def test_names_titles_and_placeholders():
    assert found("Maya: Hi, Mr. Okafor.\nMr. Okafor: Hi, Maya.") == (
        {"Maya": ("given", "Maya"), "Mr. Okafor": ("surname", "Okafor")}, {}
    )  # fmt: skip
    assert found("김 대리: 네, 민지 씨.\n민지: 네.\n박서준: 준비됐어요.") == (
        {"김 대리": ("surname", "김"), "민지": ("given", "민지"), "박서준": ("given", "서준")}, {}
    )  # fmt: skip
    both = {"#Person1#": ("placeholder", "#Person1#"), "Speaker 2": ("placeholder", "Speaker 2")}
    assert found("#Person1#: Hi.\nSpeaker 2: Hi.", "#Person1# greets Speaker 2.") == (both, {})


def test_surnames_of_two_syllables():
    assert found("남궁민수: 네.\n황보 대리: 네.\n선우 팀장: 네.\n선우: 응.", "-")[0] == {
        "남궁민수": ("given", "민수"), "황보 대리": ("surname", "황보"), "선우 팀장": ("surname", "선우"),
        "선우": ("given", "선우"),
    }  # fmt: skip
    dialogue = "제갈지훈: 네.\n민지: 제갈지훈 씨, 지훈이가 왔네요."
    assert places(dialogue, "제갈지훈은 왔다.", "제갈지훈") == ["지훈", "지훈", "지훈이가", "지훈은"]
    assert places("황보 대리: 네.\n민지: 황보 대리님, 황보대리가 또 있어요?", "-", "황보 대리") == ["황보"] * 3


def test_a_name_whose_surname_may_be_of_one_or_two_syllables_stays():
    names = {"남궁민": "not known to be a name", "황보라": "not known to be a name"}
    assert found("남궁민: 네.\n황보라: 남궁민 씨!\n남궁민: 황보라 씨!", "-") == ({}, names)


@pytest.mark.parametrize(
    "said",
    [
        "Thanks, Tom.", "Tom, come here.", "Hi Tom!", "This is Tom speaking.", "I'm Tom.", "Is Dr. Lee in?",
        "고마워요, 톰.", "정하늘 씨 맞으시죠?", "정유진이고요, 1991년생입니다.", "송하람 님, 약 나왔습니다.",
        "민지야, 밥 먹자.", "김 대리님, 회의 시작합니다.", "제 이름은 톰이에요.", "저는 준호라고 합니다.",
        "미스터 브라운은 어디 계세요?", "남궁 과장, 잠깐만요.", "이 대리님, 여기요.", "지호, 왔어?",
    ],
)  # fmt: skip
def test_placeholders_stay_where_someone_is_called_by_name(said):
    why = "the dialogue calls someone by name"
    assert found(f"#Person1#: {said}\n#Person2#: 네.", "#Person1# #Person2#")[1] == {"#Person1#": why, "#Person2#": why}


@pytest.mark.parametrize(
    "said",
    [
        "Well, sir, in Seoul on Monday.", "Thanks, Mom.", "I'm Chinese.", "Honestly, I don't know.", "Hi there!",
        "이 대표 메뉴로 할게요.", "주차장은 어디예요?", "아가씨, 여기요.", "날씨가 좋네요, 여러분.",
        "고객님, 감사합니다.", "네, 선생님.", "큰 씨가 있는 과일이에요.", "조사원이 왔어요.", "보람 있는 하루였어.",
    ],
)  # fmt: skip
def test_placeholders_are_renamed_where_nobody_is_called_by_name(said):
    assert list(found(f"#Person1#: {said}\n#Person2#: 네.", "#Person1# #Person2#")[0]) == ["#Person1#", "#Person2#"]


def test_placeholders_are_renamed_all_or_none():
    dialogue = "#Person1#: Hi.\n#Person2#: Hello."
    assert found(dialogue, "She greets #Person1#.") == (
        {},
        {"#Person2#": "the summary does not use the label", "#Person1#": "another placeholder stays"},
    )
    dialogue = "#Person1#: Where is #Person3#? #Person2#: Out.\n#Person2#: I see."
    assert found(dialogue, "#Person1# asks #Person2#.")[1] == dict.fromkeys(
        ("#Person1#", "#Person2#"), "#Person3# is in the text and has no turn"
    )
    # another kind of placeholder is no speaker
    assert found("#Person1#: Call #PhoneNumber#.", "#Person1# calls.")[1] == {}


@pytest.mark.parametrize(
    "label", ["Clerk", "Bus Driver", "엄마", "점원", "A", "Front desk", "남자 1", "정비사", "Note"]
)
def test_roles_and_other_labels_stay(label):
    speakers, unclear = found(f"{label}: one.\nMaya: two.\n{label}: three.\nMaya: four.")
    assert list(speakers) == ["Maya"]
    assert list(unclear) == [label]


def test_a_label_that_occurs_once_and_nowhere_else_is_not_known_to_be_a_name():
    assert found("Maya: Hi.\nIngredients: eggs.\nMaya: Bye.")[1] == {"Ingredients": "not known to be a name"}


def test_korean_names_are_known_or_treated_as_names():
    assert found("해찬: 안녕.\n나리: 응.")[1] == dict.fromkeys(("해찬", "나리"), "not known to be a name")
    assert list(found("해찬: 안녕.\n엄마: 해찬아, 왔니?")[0]) == ["해찬"]
    assert list(found("해찬: 안녕.\n엄마: 해찬이는 밥 먹었어?")[0]) == ["해찬"]
    assert list(found("해찬: 안녕.\n점원: 김해찬 씨 맞으시죠?")[0]) == ["해찬"]


@pytest.mark.parametrize(
    ("dialogue", "summary", "reason"),
    [
        ("Will: Hi.\nAnn: Will you come?\nWill: Yes.", "-", "it is an ordinary word too"),
        ("Mark: Hi.\nAnn: Let me mark it.\nMark: Yes.", "-", "the text has it in small or capital letters too"),
        ("May: Hi.\nAnn: Hi.\nMay: Bye.", "They meet in May.", "it is an ordinary word too"),
        ("Tom: Hi.\nAnn: Tommy, hi.\nTom: Bye.", "-", "Tommy may be the same person"),
        ("Thomas: Hi.\nAnn: Like Thomas Edison?\nThomas: No.", "-", "it may be part of another name, with Edison"),
        ("Thomas: Hi.\nAnn: At St. Thomas?\nThomas: No.", "-", "it may be part of another name, with St."),
        ("Maya: Hi.\nAnn: MAYA!\nMaya: No.", "-", "the text has it in small or capital letters too"),
        ("하나: 응.\n민지: 하나 더 줘.", "-", "it is an ordinary word too"),
        ("민수: 응.\n민지: 민수거리는 어디야?", "-", "the form 민수거리는 is not known"),
        ("김 대리: 네.\n민지: 김 대리점에 가요.", "-", "a form of 김 대리 is not known"),
        ("김 대리: 네.\n민지: 김민수 대리님.", "-", "김민수 대리 may be the same person"),
        ("수빈: 응.\n민지: 수빈이 왔어? 수빈야!", "-", "no name fits all its particles"),
    ],
)
def test_names_that_are_unclear_stay(dialogue, summary, reason):
    assert reason in find_speakers(dialogue, summary)[1].values()


def test_a_name_that_is_a_word_is_renamed_where_the_text_uses_it_as_a_name_only():
    assert list(found("Will: Hi.\nAnn: Hi.\nWill: Bye.", "Will greets Ann.")[0]) == ["Will", "Ann"]
    assert list(found("하나: 응.\n민지: 그래.", "-")[0]) == ["하나", "민지"]


def test_english_names_are_whole_words():
    dialogue = "Ann: Hi.\nBen: Ann, the Annual plan, Ann-Marie's and ann@b.c.\nAnn: Anna's? Ann's!"
    assert found(dialogue)[1]["Ann"] == "Anna may be the same person"
    dialogue = "Ben: Hi.\nAmy: Ben, a benefit, Ben-Hur, Benz's? @Ben and Ben's.\nBen: x"
    assert places(dialogue.replace("Benz", "Bens"), "Ben meets Amy.", "Amy") == ["Amy", "Amy"]
    dialogue = "Bo: Hi.\nAmy: Bo, a book, Bo-Hur, Bobby? @Bo and Bo's.\nBo: x"
    assert places(dialogue, "Bo meets Amy.", "Bo") == ["Bo", "Bo", "Bo", "Bo", "Bo"]


def test_korean_names_are_whole_words_with_their_particles_and_surname():
    dialogue = "수진: 응.\n민지: 수진아, 김수진 씨가 교수진이랑 왔대. 수진이한테 전해."
    assert places(dialogue, "수진은 들었다.", "수진") == ["수진", "수진아", "수진", "수진이한테", "수진은"]


def test_titled_speakers_with_and_without_a_space():
    dialogue = "김 대리: 네.\n박 과장: 김대리, 김 대리님이 김치를 김 대리한테 줬어."
    assert places(dialogue, "김 대리가 왔다.", "김 대리") == ["김"] * 5
