import copy
import json
import pickle

import pytest

from src.bilingual import Text, count, halves, joined, korean, particle


def test_a_pair_is_its_english_half_and_keeps_the_other() -> None:
    pair = Text("Loss", "손실")
    assert (pair == "Loss", f"{pair}", json.dumps([pair]), {pair: 1}["Loss"]) == (True, "Loss", '["Loss"]', 1)
    assert (korean(pair), korean("cpu")) == ("손실", "cpu")
    assert [copy.deepcopy(pair).ko, pickle.loads(pickle.dumps(pair)).ko] == ["손실", "손실"]


def test_parts_become_one_pair() -> None:
    whole = joined([Text("two threads", "스레드 2개"), "cpu"])
    assert (whole, whole.ko) == ("two threads, cpu", "스레드 2개, cpu")
    assert not joined([])


def test_a_record_keeps_both_halves() -> None:
    assert halves("why", Text("as configured", "설정대로")) == {"why": "as configured", "why_ko": "설정대로"}
    assert halves("why", "of an older run") == {"why": "of an older run"}


@pytest.mark.parametrize(
    ("word", "forms", "right"),
    [
        ("모델", ("이", "가"), "이"),
        ("미세조정", ("과", "와"), "과"),
        ("서버", ("과", "와"), "와"),
        ("0.1.2", ("이", "가"), "가"),  # 이
        ("0.1.3", ("이", "가"), "이"),  # 삼
        ("v10", ("을", "를"), "을"),  # 십
        ("4", ("은", "는"), "는"),  # 사
        ("95%", ("은", "는"), "는"),  # 퍼센트
        ("1", ("으로", "로"), "로"),  # 일
        ("6", ("으로", "로"), "으로"),  # 육
        ("서울", ("으로", "로"), "로"),
        ("서울", ("이", "가"), "이"),
        ("부산", ("으로", "로"), "으로"),
        ("제주", ("으로", "로"), "로"),
        ('"모델"', ("을", "를"), "을"),
        ("model", ("이", "가"), "이"),
        ("CUDA", ("이", "가"), "가"),
        ("MBR", ("으로", "로"), "로"),  # 엠비알
        ("JSON", ("을", "를"), "을"),
        ("train.csv", ("과", "와"), "와"),
        ("notes.txt", ("을", "를"), "를"),
        ("steps", ("은", "는"), "는"),  # 스텝스
        ("trainer", ("으로", "로"), "로"),
        ("true", ("이", "가"), "이(가)"),
        ("quickstart", ("이", "가"), "이(가)"),
        ("quickstart", ("으로", "로"), "(으)로"),
        ("", ("은", "는"), "은(는)"),
    ],
)
def test_a_particle_fits_what_it_follows(word: str, forms: tuple[str, str], right: str) -> None:
    assert particle(word, *forms) == right


def test_a_number_has_its_noun_and_verb() -> None:
    assert count(1, "dialogue") == "1 dialogue"
    assert count(0, "dialogue") == "0 dialogues"
    assert count(1200, "dialogue") == "1,200 dialogues"
    assert count(2, "row was", "rows were") == "2 rows were"
