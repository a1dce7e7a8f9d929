"""An export of a chat has one prompt: in a cell of a training file, as a file of its own, and in a request."""

import csv
import json
import logging

import pytest

from src.commands.exports_said import read_exports
from src.config.schema import Config, DataSettings
from src.data.files.sources import load_dialogues
from src.data.files.text_files import dialogue_of
from src.data.prompt.templates import create_prompt_template
from src.evaluation.summary_files import read_summaries
from src.serving.dialogues import DialogueReader
from src.serving.limits import RequestLimits
from src.serving.schemas import Message, SummaryRequest
from src.tests.data.chats.test_exports import CASES, TURNS
from src.tests.real_tokenizers import tiny_tokenizer


def reader(**data):
    settings = {"format_type": "chat", "language": "ko"}
    config = Config.model_validate(
        {"model": {"checkpoint": "x"}, "dataset": settings, "data": data, "experiment": {"name": "x"}}
    )
    template = create_prompt_template(tiny_tokenizer("chatml"), encoder_max_len=2000, **settings)
    return DialogueReader(template, config, RequestLimits())


@pytest.mark.parametrize("name", TURNS)
def test_files_and_requests_give_the_prompt_of_the_turns(tmp_path, name, capsys):
    server = reader()
    turns = TURNS[name][2]
    ids = server.template.encode_prompt(turns)
    text = (CASES / name).read_bytes().decode()

    with (tmp_path / "x.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["dialogue", "summary"], [text.replace("\n", "\r\n"), "s"]])
    lines = json.dumps({"dialogue": text.split("\n"), "summary": "s"})
    (tmp_path / "x.jsonl").write_text(json.dumps({"dialogue": text, "summary": "s"}) + "\n" + lines)
    for path in (tmp_path / "x.csv", tmp_path / "x.jsonl"):
        rows = load_dialogues(str(path), DataSettings()).rows
        if name.endswith(".csv") or name == "clova.txt":
            rows = rows[:1]  # a list of texts has no blank lines, which show these where a turn begins
        assert [row.dialogue for row in rows] == [turns] * len(rows)
        assert read_summaries(str(path)).texts("dialogue")[0] == turns

    assert read_exports([dialogue_of(CASES / name)], "") == [turns]
    assert "were left out" in capsys.readouterr().err or TURNS[name][1] == 0

    for content in (text, text.replace("\n", "\r\n"), f"다음 대화를 요약해주세요:\n{text}"):
        dialogue = server.dialogue_of([Message(role="user", content=content)])
        assert server.encode(dialogue, False, "messages").ids == ids
    request = SummaryRequest.model_validate({"dialogue": text})
    assert server.encode(request.dialogue, False, "dialogue").ids == ids


def test_the_setting_of_the_model_holds_for_requests(caplog):
    text = "[민수] [오후 3:15] 한 줄뿐"
    encoded = {name: reader(dialogue_format=name).encode(text, False, "dialogue").ids for name in ("auto", "kakaotalk")}
    assert encoded["auto"] == reader().template.encode_prompt(text)
    assert encoded["kakaotalk"] == reader().template.encode_prompt("민수: 한 줄뿐")
    two = f"{text}\n[지은] [오후 3:16] 응"
    assert reader(dialogue_format="turns").encode(two, False, "dialogue").ids == reader().template.encode_prompt(two)

    with caplog.at_level(logging.WARNING, "yoyak"):
        reader().encode("15:15\t민수\t안녕\n15:16\t지은\t응\n15:20\t민수\t내일 봐", False, "dialogue")
    assert [record.message for record in caplog.records] == [
        "A request's dialogue looks like an export and is taken as it is"
    ]
