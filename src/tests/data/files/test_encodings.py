"""Encodings by their bytes: CP949 only for Korean, others refused with how to mend it, or named by data.encoding."""

import csv
import io
import shutil
from pathlib import Path

import pytest

from src.data.files import encodings
from src.data.files.encodings import detect_encoding
from src.data.files.korean_letters import KoreanLetters, is_rare
from src.errors import YoyakError
from src.resources import sample_dir
from src.tests.data.loading import load, refusal, write

CASES = Path(__file__).parent / "cases"
HEAD = "dialogue,summary\n"
NO_KOREAN = (
    "not UTF-8, and no Korean in CP949, but perhaps Windows-1252 (curly quotes, accents); save the file as UTF-8, or "
    "say data.encoding=cp1252"
)


def message(content: bytes, named: str = "auto") -> str:
    with pytest.raises(YoyakError) as caught:
        detect_encoding(content, "FILE", named)
    return str(caught.value)


def test_english_in_windows_1252_is_not_taken_for_korean(tmp_path):
    source = str(shutil.copy(CASES / "cp1252_calls.csv", tmp_path))
    assert refusal(source) == f"FILE:2: {NO_KOREAN}"
    assert refusal(source, on_bad_rows="drop") == f"FILE:2: {NO_KOREAN}"
    table = load(source, encoding="cp1252")
    assert table.encoding == "cp1252"
    assert [row.summary for row in table.rows] == [
        "Anna can’t come and Ben doesn’t mind.",
        "Tom’d go to Mia’s place.",
    ]


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        ("csv", HEAD + "A: can’t,it’s\n"),
        ("tsv", "dialogue\tsummary\nA: can’t\tit’s\n"),
        ("jsonl", '{"dialogue": "A: can’t", "summary": "it’s"}\n'),
        ("json", '[{"dialogue": "A: can’t", "summary": "it’s"}]\n'),
    ],
)
def test_all_text_readers_refuse_it_and_take_a_named_encoding(tmp_path, suffix, text):
    source = write(tmp_path, f"a.{suffix}", text.encode("cp1252"))
    assert refusal(source).endswith(NO_KOREAN)
    row = load(source, encoding="cp1252").rows[0]
    assert (row.dialogue, row.summary) == ("A: can’t", "it’s")


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("Anna: I can’t come, it’s late.", "cp1252"),
        ("“Hello” – she said…", "cp1252"),
        ("“Don’t worry”", "cp1252"),
        ("L’été dernier, j’ai mangé à l’hôtel près de la forêt.", "cp1252"),
        ("l’homme d’affaires", "cp1252"),
        ("Jürgen: Schöne Grüße aus Köln, ich weiß nicht.", "cp1252"),
        ("Ärger", "cp1252"),
        ("SÃO PAULO", "cp1252"),
        ("AS AÇÕES DA NAÇÃO", "cp1252"),
        ("田中：今日は会議がありますか？", "cp932"),
        ("お疲れ様でした", "cp932"),
        ("田中：今日は会議がありますか？", "euc-jp"),
        ("ありがとう", "euc-jp"),
        ("小明：今天下午我们去吃饭吧。", "gb18030"),
        ("小明：今天下午我們去吃飯吧。", "big5"),
        ("Привет, как дела?", "cp1251"),
        ("Привет, как дела?", "koi8-r"),
        ("민수: 오늘 회의 있어요?", "johab"),
    ],
)
def test_other_languages_are_refused_however_short(text, codec):
    for content in (text, f"{HEAD}{text},s\n"):
        said = message(content.encode(codec))
        assert "data.encoding" in said
        assert "\n" not in said


WESTERN = [
    "Let’s meet at the café.",
    "It costs £5, or 20 €.",
    "“No”, he said. It’s Zoë—my fiancée…",
    "Das heißt: Größe und Öl, das ist süß und gut.",
    "Où est l’hôtel «Été»? Ça va bien, merci beaucoup.",
    "¿Cómo estás, señor Muñoz? ¡Qué bien!",
    "The resume is my résumé.",
]


@pytest.mark.parametrize(
    ("text", "codec", "name"),
    [(text, "cp1252", "Windows-1252") for text in WESTERN]
    + [(text, "mac-roman", "Mac Roman") for text in WESTERN if "£" not in text],  # its pound sign tells nothing
)
@pytest.mark.parametrize("form", ["{}", "dialogue,summary\nA: Hi!,Hi.\nA: {0},{0}\n", '{{"dialogue": "A: {0}"}}\n'])
def test_of_western_text_the_encoding_is_named(text, codec, name, form):
    said = message(form.format(text).encode(codec))
    assert f"perhaps {name} (curly quotes, accents)" in said
    assert said.endswith(f"; save the file as UTF-8, or say data.encoding={codec}")


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("田中：今日は会議がありますか？", "cp932"),
        ("田中：今日は会議がありますか？", "euc-jp"),
        ("小明：今天下午我们去吃饭吧。", "gb18030"),
        ("小明：今天下午我們去吃飯吧。", "big5"),
        ("Привет, как дела?", "cp1251"),
        ("Příliš žluťoučký kůň", "cp1250"),
        ("민수: 오늘 회의 있어요?", "johab"),
    ],
)
def test_of_other_text_those_that_decode_it_are_named(text, codec):
    content = f"{HEAD}{text},s\n".encode(codec)
    said = message(content)
    assert said.startswith("FILE:2: not UTF-8, and no Korean in CP949; save the file as UTF-8, or try data.encoding=")
    named = [setting.removeprefix("data.encoding=") for setting in said.partition(" or try ")[2].split(", ")]
    assert codec in named
    for one in named:
        assert detect_encoding(content, "FILE", one) == one


@pytest.mark.parametrize("codec", ["utf-8", "cp949"])
def test_of_text_with_a_broken_place_no_other_encoding_is_named(codec):
    korean = "지민: 오늘 저녁에 시간 있어?\n".encode(codec)
    said = message(korean * 3 + b"\xff\n" + korean)
    assert said.startswith("FILE: cannot be decoded: utf-8 fails at byte ")
    assert said.endswith("(line 4); save the file as UTF-8, or name its encoding with data.encoding") == (
        codec == "cp949"
    )
    assert "cannot be decoded" in message("It’s late, isn’t it?\n".encode() + b"\x92\n")


def test_a_foreign_line_among_korean_ones_is_found():
    lines = ["지민: 오늘 저녁에 시간 있어?", "수아: 응, 일곱 시에 보자."] * 50
    content = "\n".join(lines).encode("cp949") + "\nAnna: I can’t come\n".encode("cp1252")
    assert message(content) == (
        "FILE:101: not UTF-8, and no Korean in CP949; mend the line, or save the file as UTF-8, or name its encoding "
        "with data.encoding"
    )


@pytest.mark.parametrize("codec", ["cp949", "euc-kr"])
def test_korean_in_cp949_is_known_by_one_dialogue_and_by_one_summary(codec):
    texts = 0
    for path in sorted(sample_dir().glob("ko/*.csv")):
        for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))):
            for text in (row["dialogue"], row["summary"], row["dialogue"].split("\n")[0]):
                assert detect_encoding(text.encode(codec), "FILE") == "cp949", text
                texts += 1
    assert texts > 300


@pytest.mark.parametrize(
    "text",
    [
        "가: 안녕",
        "쇼핑",
        "ㅋㅋㅋㅋ ㅠㅠ",
        "뭥미? 아 진짜 뷁",
        "“quoted” text",
        "金 과장: 오늘 會議 있습니까?",
        "A: 펲시 줘 ㅇㅋ",
    ],
)
def test_short_korean_text_with_rare_syllables_jamo_and_hanja(text):
    assert detect_encoding(text.encode("cp949"), "FILE") == "cp949"


def test_syllables_that_ks_x_1001_writes_as_jamo():
    content = f"{HEAD}가: 똠방각하를 봤어,봤다\n".encode("euc-kr")
    assert b"\xa4\xd4" in content
    assert detect_encoding(content, "FILE") == "euc-kr"


def test_rare_syllables_are_those_outside_ks_x_1001():
    assert [is_rare(syllable) for syllable in "가힣뭪똠한"] == [False, True, True, True, False]


def test_letters_are_counted():
    letters = KoreanLetters()
    for line in ("plain", "안녕 ㅋㅋ 韓", "can뭪 it"):
        letters.add(line)
    assert (letters.letters, letters.syllables, letters.common) == (4, 2, 2)
    assert letters.foreign_line == 3


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [f"{HEAD}A: hi,b\n", f"{HEAD}가: 안녕하세요. 오늘 뭐 해?,인사\n"])
def test_utf16_without_a_mark_is_named_and_can_be_read(tmp_path, codec, text):
    source = write(tmp_path, "a.csv", text.encode(codec))
    assert refusal(source) == (
        f"FILE: UTF-16 text without a mark; save the file as UTF-8, or say data.encoding={codec}"
    )
    assert load(source, encoding=codec).rows[0].dialogue == text.split("\n")[1].rpartition(",")[0]


def test_utf16_with_a_mark_can_be_read_where_it_is_named(tmp_path):
    source = write(tmp_path, "a.csv", f"{HEAD}A: hi,b\n".encode("utf-16"))
    assert refusal(source) == "FILE: UTF-16 text; save the file as UTF-8, or say data.encoding=utf-16"
    assert load(source, encoding="utf-16").rows[0].dialogue == "A: hi"
    unmarked = write(tmp_path, "b.csv", f"{HEAD}A: hi,b\n")
    said = refusal(unmarked, encoding="utf-16")
    assert said == "FILE: is not data.encoding=utf-16: utf-16 fails at byte 0 (line 1); name another"


def test_iso_2022_is_not_taken_for_ascii():
    assert message("안녕".encode("iso2022_kr")).startswith("FILE: ISO-2022 text")
    assert message("田中".encode("iso2022_jp")).startswith("FILE: ISO-2022 text")


def test_two_encodings_in_one_file_are_named_with_a_line_of_each():
    content = "가: 안녕\n".encode() + "나: 반가워\n".encode("cp949")
    assert message(content) == (
        "FILE: mixed encodings: line 1 is UTF-8, line 2 is not; save its parts as UTF-8 before you join them"
    )


def test_a_named_encoding_that_does_not_fit_is_refused_with_its_place():
    assert message(b"a\nb\xe9c\n", "utf-8") == (
        "FILE: is not data.encoding=utf-8: utf-8 fails at byte 3 (line 2); name another"
    )
    assert detect_encoding(b"\xef\xbb\xbfa", "FILE", "utf-8") == "utf-8-sig"


@pytest.mark.parametrize("chunk", [1, 2, 3, 5])
@pytest.mark.parametrize("codec", ["utf-8", "cp949"])
def test_characters_that_a_chunk_cuts(monkeypatch, chunk, codec):
    monkeypatch.setattr(encodings, "_CHUNK", chunk)
    text = "가나\n다라마"
    assert detect_encoding(text.encode(codec), "FILE") == codec
    broken = text.encode(codec) + b"\xff\n"
    place = f"{codec} fails at byte {len(text.encode(codec))} (line 2)"
    assert place in message(broken)


@pytest.mark.parametrize("codec", ["cp1252", "cp949", "gb18030"])
def test_utf8_is_not_read_as_another_encoding(codec):
    """Most bytes of UTF-8 are letters of others too, which would be trained on."""
    content = (HEAD + "Zoë: Où est le café?,It’s là.\n").encode()
    with_hangul = (HEAD + "민수: 점심은 몇 시예요?,점심 시간을 묻는다.\n").encode()
    assert message(content, "cp1252") == (
        "FILE: is UTF-8, not data.encoding=cp1252; leave data.encoding out, or save all files in one encoding"
    )
    assert "not data.encoding=" in message(content, codec)
    assert "not data.encoding=" in message(with_hangul, codec)


def test_few_letters_may_be_another_encoding():
    """`É»` in Windows-1252 are the bytes of one letter in UTF-8."""
    content = (HEAD + "A: «CAFÉ»,Coffee.\n").encode("cp1252")
    assert detect_encoding(content, "FILE", "cp1252") == "cp1252"


@pytest.mark.parametrize("named", ["auto", "cp949"])
@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"%PDF-1.7\n"])
def test_documents_under_another_name_are_no_text(start, named):
    """Excel's own files were answered with the byte at which CP949 fails, and with data.encoding."""
    with pytest.raises(YoyakError, match="FILE: not text, but by its first bytes a document"):
        detect_encoding(start + bytes(100), "FILE", named)
