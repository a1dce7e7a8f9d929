"""A list of turns in a request has the prompt that it has in a file."""

import json

import pytest

from src.config.schema import DataSettings
from src.data.files.sources import load_dialogues
from src.tests.serving.conftest import RecordingEngine

NIKL = [{"speaker_id": "SD1", "form": "점심 먹었어요?"}, {"speaker_id": "SD2", "form": "아직요.\n배고파요."}]
NUMBERED = [
    {"speaker": 1, "text": "Go?"},
    {"text": "no one's"},
    {"speaker": 2, "text": [{"type": "text", "text": "Yes"}]},
]
COLUMNS = {"speaker": ["A", "B"], "utterance": ["hi", "yo"]}


@pytest.mark.parametrize(
    ("dialogue", "lines"),
    [
        (NIKL, "SD1: 점심 먹었어요?\nSD2: 아직요. 배고파요."),
        (NUMBERED, "P1: Go?\nno one's\nP2: Yes"),
        (COLUMNS, "A: hi\nB: yo"),
        (["A: hi", "B: yo"], "A: hi\nB: yo"),
    ],
    ids=["nikl", "numbers", "columns", "texts"],
)
def test_one_dialogue_has_one_prompt(tiny, serve, tmp_path, dialogue, lines):
    httpx = pytest.importorskip("httpx", reason="httpx is not installed")
    (tmp_path / "x.json").write_text(json.dumps([{"dialogue": dialogue, "summary": "s"}]), encoding="utf-8")
    of_file = load_dialogues(str(tmp_path / "x.json"), DataSettings()).rows[0].dialogue
    engine = RecordingEngine(tiny.model)
    url = serve(tiny.service(engine)) + "/v1/summaries"

    one = httpx.post(url, json={"dialogue": dialogue}, timeout=30)
    several = httpx.post(url, json={"dialogues": ["A: a", dialogue]}, timeout=30)

    expected = tiny.prompt.encode_prompt(lines)
    assert (of_file, one.status_code, several.status_code) == (lines, 200, 200)
    assert engine.prompts == [expected, tiny.prompt.encode_prompt("A: a"), expected]


def test_a_text_that_spells_a_list_stays_a_text(tiny, serve):
    httpx = pytest.importorskip("httpx", reason="httpx is not installed")
    engine = RecordingEngine(tiny.model)
    text = '["A: hi", "B: yo"]'

    assert httpx.post(serve(tiny.service(engine)) + "/v1/summaries", json={"dialogue": text}).status_code == 200
    assert engine.prompts == [tiny.prompt.encode_prompt(text)]
