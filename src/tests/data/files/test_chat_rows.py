"""What is said of files whose dialogues are exports of chats, by training, `yoyak data check` and `yoyak summarize`."""

import io
import json

import pytest
from rich.console import Console

from src.commands.exports_said import read_exports
from src.config.schema import DataSettings
from src.data.files.sources import load_dialogues
from src.data.files.text_files import holds_one_dialogue
from src.data.tools.check import check_file
from src.data.tools.check_tables import render
from src.errors import YoyakError
from src.tests.data.chats.test_exports import CASES, TURNS

KAKAO = """\
[민수] [오후 3:15] 안녕
[지은] [오후 3:16] 이모티콘
[지은] [오후 3:16] 응
[민수] [오후 3:17] 갈게
[a] [오후 3:18] b"""
LINE = "15:15\t민수\t안녕\n15:16\t지은\t응\n15:20\t민수\t내일 봐"
PLAIN = "민수: 3:15에 봐\n지은: 네"


def write(tmp_path, *dialogues):
    path = tmp_path / "chats.jsonl"
    path.write_text("".join(json.dumps({"dialogue": text, "summary": "s"}) + "\n" for text in dialogues))
    return str(path)


def said(caplog):
    return [record.message.rpartition("chats.jsonl: ")[2] for record in caplog.records]


def test_files_say_what_was_read_and_what_was_not(tmp_path, caplog):
    source = write(tmp_path, PLAIN, KAKAO, LINE, LINE)
    table = load_dialogues(source, DataSettings())
    assert [row.dialogue for row in table.rows] == [PLAIN, "민수: 안녕\n지은: 응\n민수: 갈게\na: b", LINE, LINE]
    assert said(caplog) == [
        "exports are read as turns, such as '민수: 안녕': KakaoTalk (1)",
        "what looks like an export is not read and stays as it is (line 3 and 1 more); name the format with "
        "data.dialogue_format, or write turns ('name: words')",
    ]


def test_nothing_is_said_of_ordinary_dialogues(tmp_path, caplog):
    assert load_dialogues(write(tmp_path, PLAIN), DataSettings()).rows[0].dialogue == PLAIN
    assert said(caplog) == []


def test_a_named_format(tmp_path, caplog):
    source = write(tmp_path, PLAIN, "[민수] [오후 3:15] 안녕")
    rows = load_dialogues(source, DataSettings(dialogue_format="kakaotalk")).rows
    assert [row.dialogue for row in rows] == [PLAIN, "민수: 안녕"]
    assert said(caplog)[1] == "1 dialogue holds no message of KakaoTalk: left unchanged"
    with pytest.raises(YoyakError, match=r"no message of WhatsApp in it; leave out data.dialogue_format=wh"):
        load_dialogues(source, DataSettings(dialogue_format="whatsapp"))


def test_data_check_shows_the_formats_and_three_turns(tmp_path):
    report = check_file(write(tmp_path, PLAIN, KAKAO, LINE), DataSettings())
    assert (report.exports, report.unread_exports) == ({"kakaotalk": 1}, [3])
    assert report.first_turns == ["민수: 안녕", "지은: 응", "민수: 갈게"]
    console = Console(file=io.StringIO(), width=100)
    console.print(render(report))
    text = console.file.getvalue()
    for line in (
        "KakaoTalk (1)",
        "민수: 안녕",
        "지은: 응",
        "민수: 갈게",
        "1 look like one and stay as they are (line 3)",
    ):
        assert line in text
    assert "a: b" not in text


@pytest.mark.parametrize("name", ["kakaotalk_ios.txt", "kakaotalk_mac.csv", "zoom.vtt"])
def test_data_check_takes_an_export_itself(name):
    report = check_file(str(CASES / name), DataSettings())
    assert (report.rows, report.exports) == (1, {TURNS[name][0]: 1})
    assert report.first_turns == [line for line in TURNS[name][2].split("\n") if ": " in line][:3]


def test_tables_of_messages_are_one_dialogue(tmp_path):
    assert holds_one_dialogue(CASES / "discord.csv")
    (tmp_path / "bom.csv").write_text("\ufeffDate,User,Message\n", encoding="utf-8")
    assert holds_one_dialogue(tmp_path / "bom.csv")
    (tmp_path / "rows.csv").write_text("dialogue,summary\n")
    assert not holds_one_dialogue(tmp_path / "rows.csv")
    assert not holds_one_dialogue(tmp_path / "none.csv")
    assert not holds_one_dialogue(tmp_path / "none.txt")


def test_summarize_says_it_on_standard_error(capsys):
    assert read_exports([KAKAO], "") == ["민수: 안녕\n지은: 응\n민수: 갈게\na: b"]
    assert capsys.readouterr().err == "yoyak: 4 messages of KakaoTalk; 1 without words were left out\n"
    assert read_exports([PLAIN], "") == [PLAIN]
    assert capsys.readouterr().err == ""
    assert read_exports([LINE], "") == [LINE]
    assert capsys.readouterr().err.startswith("yoyak: looks like an export that is not read; name the format")
    assert read_exports([PLAIN, KAKAO], "calls")[0] == PLAIN
    assert capsys.readouterr().err == "yoyak: calls: exports are read as turns, such as '민수: 안녕': KakaoTalk (1)\n"
    with pytest.raises(YoyakError, match=r"calls: no message of Zoom in it; leave out data.dialogue_format=zoom"):
        read_exports([PLAIN], "calls", "zoom")
