import pytest

from src.data.prompt.turns import LABEL, turns_of


def test_speaker_and_text_of_each_line_that_is_not_blank():
    assert turns_of("Ann: Hi.\n\n  김 대리 ： 네.\nno speaker\n#Person1#:Yes: really") == [
        ("Ann", "Hi."),
        ("김 대리", "네."),
        (None, "no speaker"),
        ("#Person1#", "Yes: really"),
    ]


@pytest.mark.parametrize(
    "line", ["10:30 is late", "https://a.b", "x" * 31 + ": too long for a name", ":", "a\nb: c"[:1]]
)
def test_lines_without_a_speaker(line):
    assert turns_of(line) == [(None, line)]


def test_labels_are_found_at_the_start_of_lines_only():
    assert [match["name"] for match in LABEL.finditer("A: b: c\nd e: f\n\n: g")] == ["A", "d e"]
