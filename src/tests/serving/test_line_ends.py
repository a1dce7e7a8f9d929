"""One dialogue has the same prompt whatever ends its lines, and whatever way it comes in."""

import csv
import io
import json
import sys

import pyarrow
import pyarrow.parquet
import pytest

from src.commands.dialogue_text import read_dialogue
from src.config.schema import Config, DataSettings
from src.data.files.sources import load_dialogues
from src.data.prompt.plain_text import LINE_ENDS, plain_lines, plain_text
from src.data.prompt.templates import create_prompt_template
from src.evaluation.summary_files import read_summaries
from src.serving.dialogues import DialogueReader
from src.serving.limits import RequestLimits
from src.serving.schemas import Message
from src.serving.vllm import dialogue_chat_template
from src.tests.real_tokenizers import tiny_tokenizer

TURNS = ["A: a", "B: b", "", "A: c"]
PLAIN = "A: a\nB: b\n\nA: c"
ENDS = pytest.mark.parametrize("end", LINE_ENDS, ids=["CRLF", "CR", "VT", "FF", "NEL", "U+2028", "U+2029"])


@pytest.fixture(scope="module")
def reader():
    settings = {"format_type": "chat", "language": "en"}
    config = Config.model_validate({"model": {"checkpoint": "x"}, "dataset": settings, "experiment": {"name": "x"}})
    template = create_prompt_template(tiny_tokenizer("chatml"), encoder_max_len=400, **settings)
    return DialogueReader(template, config, RequestLimits()), config


def test_literally():
    assert LINE_ENDS == ("\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029")
    assert plain_lines("a\r\nb\rc\n\rd\x0be\x0cf\x85g\u2028h\u2029") == "a\nb\nc\n\nd\ne\nf\ng\nh\n"
    assert plain_text("\r\n a\r\r\nb \u2028") == "a\n\nb"


@ENDS
def test_requests(reader, end):
    reader, config = reader
    ids = reader.encode(PLAIN, False, "dialogue").ids
    assert ids == reader.template.encode_prompt(PLAIN)
    text = end.join(TURNS)
    assert reader.encode(text, False, "dialogue").ids == ids
    parts = [{"type": "text", "text": part} for part in (f"A: a{end}", f"B: b{end[:1]}", f"{end[1:]}{end}A: c{end}")]
    for content in (text, parts, f"Please summarize the following dialogue:{end}{text}"):
        dialogue = reader.dialogue_of([Message(role="user", content=content)])
        assert reader.encode(dialogue, False, "messages").ids == ids
    template = dialogue_chat_template(config, tiny_tokenizer("chatml"), reader.template)
    rendered = tiny_tokenizer("chatml").apply_chat_template(
        [{"role": "user", "content": text}], chat_template=template, tokenize=False
    )
    assert tiny_tokenizer("chatml")(rendered, add_special_tokens=False).input_ids == ids


@ENDS
def test_turns_are_cut_alike(reader, end):
    long = [f"{'AB'[turn % 2]}: number {turn} of a long dialogue" for turn in range(40)]
    reader, _ = reader
    plain = reader.encode("\n".join(long), True, "dialogue")
    assert plain.turns_cut > 10
    assert reader.encode(end.join(long), True, "dialogue") == plain


@ENDS
def test_files(tmp_path, end):
    text = end.join(TURNS)
    row = {"dialogue": text, "summary": f"s{end}t", "fname": "x"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "a.json").write_text(json.dumps([row]))
    for suffix, delimiter in ((".csv", ","), (".tsv", "\t")):
        with (tmp_path / f"a{suffix}").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row), delimiter=delimiter, quoting=csv.QUOTE_ALL)
            writer.writeheader()
            writer.writerow(row)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / "a.parquet")
    for suffix in (".jsonl", ".json", ".csv", ".tsv", ".parquet"):
        found = load_dialogues(str(tmp_path / f"a{suffix}"), DataSettings()).rows[0]
        assert (found.dialogue, found.summary) == (PLAIN, "s\nt"), suffix
        assert read_summaries(str(tmp_path / f"a{suffix}")).texts("summary") == ["s\nt"]


@ENDS
def test_text_files_standard_input_and_the_command_line(tmp_path, end, monkeypatch):
    text = end.join(TURNS)
    (tmp_path / "a.txt").write_bytes(text.encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert read_dialogue(str(tmp_path / "a.txt")) == PLAIN
    assert read_dialogue("-") == PLAIN
    assert read_dialogue(text + "\n") == PLAIN + "\n"


@ENDS
def test_datasets_given_as_lists(end):
    template = create_prompt_template(tiny_tokenizer("chatml"))
    plain, other = template.encode_examples([PLAIN, end.join(TURNS)], ["s\nt", f"s{end}t"])
    assert plain == other
    assert template.prompt_lengths([PLAIN, end.join(TURNS)]) == [len(template.encode_prompt(PLAIN))] * 2
