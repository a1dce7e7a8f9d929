import pytest

from src.evaluation.numerals import english_values, korean_values, plain


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("세", ["3"]),
        ("열 두", ["12"]),
        ("스물다섯", ["25"]),
        ("이 십", ["20"]),
        ("오만", ["50000"]),
        ("만", ["10000"]),
        ("3 만 3 천", ["33000"]),
        ("1.5 만", ["15000"]),
        ("1 억 2 천 만", ["120000000"]),
        ("천구백구십구", ["1999"]),
        ("이 천 이 십 사", ["2024"]),
        ("50,000", ["50000"]),
        ("영", ["0"]),
        ("두 세", ["2", "3"]),
        ("대여섯", ["5", "6"]),
        ("공 일 공", ["0", "1", "0"]),
        ("수천", []),
    ],
)
def test_korean(words, values):
    assert korean_values(words.split()) == values


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("three", ["3"]),
        ("twenty five", ["25"]),
        ("two hundred five", ["205"]),
        ("hundred", ["100"]),
        ("two hundred thousand", ["200000"]),
        ("ten thousand five hundred", ["10500"]),
        ("twenty five hundred", ["2500"]),
        ("two dozen", ["24"]),
        ("5 million", ["5000000"]),
        ("1.5 million", ["1500000"]),
        ("3 k", ["3000"]),
        ("1,500", ["1500"]),
        ("third", ["3"]),
        ("twenty first", ["21"]),
        ("thirtieth", ["30"]),
        ("ten thirty", ["10", "30"]),
        ("nineteen ninety nine", ["19", "99"]),
        ("zero", ["0"]),
        ("", []),
    ],
)
def test_english(words, values):
    assert english_values(words.split()) == values


def test_plain_drops_what_does_not_count():
    from decimal import Decimal

    assert [plain(Decimal(text)) for text in ("3.50", "007", "100", "0", "0.0", "1E+3")] == [
        "3.5", "7", "100", "0", "0", "1000"
    ]  # fmt: skip
