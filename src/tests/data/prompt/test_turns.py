import pytest

from src.data.files.sources import DialogueRow
from src.data.prompt.truncation import split_turns
from src.data.prompt.turns import LABEL, speakers_of, turns_of
from src.data.tools.stats import measure_rows
from src.evaluation.facts import find_facts, unsupported_facts


def test_speaker_and_text_of_each_line_that_is_not_blank():
    assert turns_of("Ann: Hi.\n\n  김 대리 ： 네.\nno speaker\n#Person1#:Yes: really") == [
        ("Ann", "Hi."),
        ("김 대리", "네."),
        (None, "no speaker"),
        ("#Person1#", "Yes: really"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "3:30 works for me.",
        "  3:30 works for me.",  # an indented line is read as any other
        "오후 3:30에 봐요.",
        "at 3：30",
        "12 : 00",
        "https://a.b/c: d",
        "  http://a.b",
        "x" * 31 + ": too long for a name",
        ":",
        "a",
    ],
)
def test_lines_without_a_speaker(line):
    assert turns_of(line) == [(None, line)]


def test_labels_are_found_at_the_start_of_lines_only():
    assert [match["name"] for match in LABEL.finditer("A: b: c\nd e: f\n\n: g\nh\n: i")] == ["A", "d e"]


def test_the_one_rule_tells_who_speaks_wherever_it_is_asked():
    """A prompt that is cut, the facts of a summary and statistics agree on the same lines."""
    dialogue = "민수：3:30 works for me.\n3:30?\nhttps://a.b\n#Person1#:네"
    assert speakers_of(dialogue) == ["민수", "#Person1#"]
    assert split_turns(dialogue) == ["민수：3:30 works for me.\n3:30?\nhttps://a.b", "#Person1#:네"]
    assert measure_rows([DialogueRow("1", dialogue, "-")], None)["speakers"] == [2.0]
    said = find_facts(["Two people talk.", "Four people talk."])
    assert [[fact.text for fact in its] for its in unsupported_facts(said, [dialogue] * 2)] == [[], ["Four"]]
