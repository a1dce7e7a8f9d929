"""Reasoning in what a model wrote: what is left out, and that it is counted wherever it would reach a score."""

import json

import pytest

from src.data.prompt.reasoning import reasoning_note, without_reasoning
from src.evaluation.result import score_report
from src.inference.decoding import written_text
from src.serving.text import TextStream, decode, decode_answer
from src.tests.tiny_models import END, tiny_tokenizer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>\nWho?\n</think>\n\nThey meet.", "They meet."),
        ("<think>\n\n</think>\n\nThey meet.", "They meet."),
        ("They meet.<think>no</think>", "They meet."),
        ("They <thinking>a</thinking>meet<thought>b</thought>.", "They meet."),
        ("<reasoning>a</reasoning><seed:think>b</seed:think> They meet.", "They meet."),
        ("<think>never ends, as the tokens ran out", ""),
        ("They meet. <think>never ends", "They meet."),
        ("the prompt had opened it\n</think>\n\nThey meet.", "They meet."),
        ("</think>They meet.", "They meet."),
    ],
)
def test_reasoning_is_left_out(text, answer):
    assert without_reasoning(text) == (answer, True)


@pytest.mark.parametrize("text", ["They meet. ", "", "a < b and c > d", "think> <Think> </ think>", "<thinker>x</b>"])
def test_other_texts_stay_as_they_are(text):
    assert without_reasoning(text) == (text, False)


REFERENCES = ["They meet at noon.", "He pays the rent."]


def test_scores_are_of_what_is_left_and_say_so():
    plain = score_report(["a", "b"], REFERENCES, REFERENCES, baseline=REFERENCES)
    assert plain.scores["rouge_sum"].value == pytest.approx(300)
    assert plain.reasoning_removed == {}
    assert "reasoning_removed" not in plain.as_dict()
    thought = [f"<think>{text} Or not?</think>{text}" for text in REFERENCES]
    found = score_report(["a", "b"], [thought[0], REFERENCES[1]], [thought, REFERENCES], baseline=thought)
    assert found.scores == score_report(["a", "b"], REFERENCES, [REFERENCES, REFERENCES]).scores
    assert found.as_dict()["reasoning_removed"] == {"summaries": 1, "baseline": 2, "references": 2}
    assert found.notes()[:3] == [
        "1 summary held reasoning in tags such as <think>, which was left out",
        "2 baseline held reasoning in tags such as <think>, which was left out",
        "2 references held reasoning in tags such as <think>, which was left out",
    ]
    assert json.dumps(found.as_dict())


def test_the_note():
    assert reasoning_note(3) == "3 summaries held reasoning in tags such as <think>, which was left out"


@pytest.mark.parametrize("special", [(), ("<think>", "</think>")])
def test_tags_that_are_control_tokens_are_seen_too(special):
    """skip_special_tokens would drop such tags and leave the reasoning."""
    tokenizer = tiny_tokenizer(("<|im_start|>", *special))
    ids = tokenizer("<think>hm</think>ok<|im_start|>.", add_special_tokens=False).input_ids
    assert written_text(tokenizer, ids) == "<think>hm</think>ok."
    assert decode_answer(tokenizer, [*ids, tokenizer.convert_tokens_to_ids(END), 7], 256) == ("ok.", True)
    assert decode(tokenizer, ids, 256) == "ok."


@pytest.mark.parametrize("special", [(), ("<think>", "</think>")])
def test_a_stream_holds_nothing_of_it(special):
    tokenizer = tiny_tokenizer(special)
    for text, whole in (
        ("<think>so\nthen</think>\n\nThey < <thin> met.", "They < <thin> met."),
        ("They<think>hm</think> met. <th", "They met. <th"),
    ):
        ids, stream = tokenizer(text, add_special_tokens=False).input_ids, TextStream(tokenizer, 256)
        pieces = [stream.piece(ids[:count], False) for count in range(1, len(ids))] + [stream.piece(ids, True)]
        assert "".join(pieces) == whole == decode(tokenizer, ids, 256)
        assert len([piece for piece in pieces if piece]) > 5
