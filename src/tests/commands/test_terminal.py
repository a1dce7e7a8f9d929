"""Texts of data, configs and models on a terminal: shown as they are, never as markup, and steering nothing."""

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from src.cli import main
from src.commands.console import the_run_goes_on
from src.commands.screen import Screen
from src.streams import Forgiving
from src.visible import json_line, one_line, visible

HOSTILE = "[/quote] [bold]x[/bold] \x1b[2J\x1b]0;t\x07 \x9b31m \u202edesrever\u2066 \r over \ud800 :smile: ok"
STEERING = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2069"}


def on_screen(show):
    """Return what a console writes, as on a terminal without colours."""
    stream = io.StringIO()
    show(Screen(file=stream, width=200, force_terminal=True, color_system=None))
    return stream.getvalue()


def as_table(text):
    table = Table(title=text)
    table.add_column(text)
    table.add_row(text)
    table.add_row(Text(text))
    return table


@pytest.mark.parametrize("wrap", [str, Text, as_table], ids=["text", "styled", "table"])
def test_markup_and_escapes_are_shown(wrap):
    shown = on_screen(lambda screen: screen.print(wrap(HOSTILE), style="bold"))
    assert "[/quote] [bold]x[/bold]" in shown
    assert "\\x1b[2J\\x1b]0;t" in shown  # rich's own texts leave the bell and line feeds out
    assert "\\x9b31m \\u202edesrever\\u2066" in shown
    assert ":smile:" in shown
    assert STEERING.isdisjoint(shown.replace("\n", ""))


@given(st.text(st.characters() | st.sampled_from("[]/\x1b\x9b\u202e\r\n\ud800")))
def test_no_text_fails_or_steers(text):
    for wrap in (str, as_table):
        shown = on_screen(lambda screen, wrap=wrap: screen.print(wrap(text)))
        assert STEERING.isdisjoint(shown.replace("\n", ""))
        shown.encode()
    assert json.loads(json_line({"a": text})) == {"a": text}
    assert STEERING.isdisjoint(json_line(text))
    assert STEERING.isdisjoint(one_line(text))
    assert STEERING.isdisjoint(visible(text).replace("\n", "").replace("\t", ""))


def test_a_line_of_hangul_that_fills_its_column_is_shown_whole():
    table = Table(show_header=False)
    table.add_column(width=8)
    table.add_row("실행의가 것.")  # the first word fills the column, with a space behind it
    assert on_screen(lambda screen: screen.print(table)).splitlines()[1:-1] == ["│ 실행의가 │", "│ 것.      │"]


def test_a_word_longer_than_its_column_is_shown_whole():
    table = Table(show_header=False)
    table.add_column(width=8)
    table.add_row("final_model/adapter")
    assert on_screen(lambda screen: screen.print(table)).splitlines()[1:-1] == [
        "│ final_mo │", "│ del/adap │", "│ ter      │"]  # fmt: skip


def test_styles_of_ours_still_reach_a_terminal():
    stream = io.StringIO()
    Screen(file=stream, force_terminal=True, color_system="standard").print("x", style="red")
    assert stream.getvalue() == "\x1b[31mx\x1b[0m\n"


def test_config_show_tells_where_a_run_would_write(yoyak, tiny):
    folder = "outputs[a/../../victim/x]\x1b[2K"
    result = yoyak("config", "show", "tiny.yaml", f"experiment.output_dir={folder}", "experiment.tags=['[/foo]']")
    assert result.code == 0
    assert "outputs[a/../../victim/x]\\x1b[2K" in result.out
    assert "[/foo]" in result.out
    assert "\x1b" not in result.out


def test_config_show_hides_no_character(yoyak, tiny):
    """A byte order mark, a space that doesn't break and a joiner look like nothing, or like a space."""
    hidden = "\ufeffa\u00a0b\u200dc\U000e0041"
    result = yoyak("config", "show", "tiny.yaml", f"experiment.tags=['{hidden}']", f"experiment.output_dir={hidden}")
    assert "\\ufeffa\\xa0b\\u200dc\\U000e0041" in result.out
    assert '["\\ufeffa\\u00a0b\\u200dc\\udb40\\udc41"]' in result.out
    as_json = yoyak("config", "show", "tiny.yaml", f"experiment.tags=['{hidden}']", "--json").out
    assert as_json.rstrip("\n").isprintable()
    assert json.loads(as_json)["config"]["experiment"]["tags"] == [hidden]


def test_a_run_shows_hostile_examples_and_ends_well(yoyak, tiny):
    rows = [
        {"fname": f"{HOSTILE[:40]}{i}", "dialogue": f"\x1b[31mA[/b]: [laughs] {i}", "summary": "[/quote]"}
        for i in (1, 2)
    ]
    for name in ("train", "eval"):
        (tiny / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = ("data.train=train.jsonl", "data.eval=eval.jsonl", "evaluation.generate=true")
    result = yoyak("train", "-e", "tiny.yaml", *data, "training.max_steps=1", "experiment.name=hostile")
    assert result.code == 0
    assert "[laughs]" in result.out
    assert "\\x1b[31mA[/b]" in result.out
    assert "\x1b" not in result.out
    assert json.loads((tiny / "outputs/hostile/run.json").read_text())["status"] == "completed"
    for command in (("check", "train.jsonl"), ("stats", "train.jsonl")):
        result = yoyak("data", *command)
        assert result.code == 0
        assert "\x1b" not in result.out + result.err


class Full(io.StringIO):
    """A stream that takes so many characters."""

    def __init__(self, room, error):
        super().__init__()
        self.room, self.error = room, error

    def write(self, text):
        if self.tell() + len(text) > self.room:
            raise self.error
        return super().write(text)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BrokenPipeError(32, "Broken pipe"), ""),
        (
            OSError(28, "No space left on device"),
            "can't be written any more (No space left on device); the run goes on",
        ),
        (UnicodeEncodeError("ascii", "ü", 0, 1, "ordinal not in range"), "the run goes on"),
    ],
    ids=["pipe", "full", "ascii"],
)
def test_what_can_not_be_shown_is_lost(error, said, capsys):
    stream = Full(20, error)
    screen = Screen(file=Forgiving(stream, the_run_goes_on))
    for number in range(5):
        screen.print(f"line {number} {'.' * 5}")
    assert stream.getvalue() == "line 0 .....\n"
    err = capsys.readouterr().err
    assert err.count("\n") == (1 if said else 0)
    assert said in err


def is_whole(folder, name):
    assert json.loads((folder / "outputs" / name / "run.json").read_text())["status"] == "completed"
    assert (folder / "outputs" / name / "report.html").is_file()


@pytest.mark.parametrize(
    "out", [pytest.param("closed", marks=pytest.mark.slow), pytest.param("full", marks=pytest.mark.long)]
)
def test_a_training_ends_whole_whatever_becomes_of_its_output(tiny, out):
    """A full disk, and no standard output at all."""
    command = [sys.executable, "-m", "src.cli", "train", "-e", "tiny.yaml", "experiment.name=shown"]
    line = " ".join(map(repr, command)) + {"closed": " >&-", "full": " > /dev/full"}[out]
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=tiny,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    is_whole(tiny, "shown")
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") <= (1 if out == "full" else 0), done.stderr


def test_a_training_ends_whole_though_its_reader_goes(tiny, monkeypatch, capsys):
    """A reader that goes after the first bytes (`| head -1`)."""
    reader, writer = os.pipe()
    head = threading.Thread(target=lambda: (os.read(reader, 1), os.close(reader)))
    head.start()
    with os.fdopen(writer, "w", buffering=1) as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        with pytest.raises(SystemExit) as stop:
            main(["train", "-e", "tiny.yaml", "training.max_steps=1", "experiment.name=shown"])
    head.join()
    assert (stop.value.code or 0) == 0
    is_whole(tiny, "shown")
    assert capsys.readouterr().err == ""
