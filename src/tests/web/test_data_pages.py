"""Files that are brought: names made safe, bad rows by line, pages of rows, and what is split off."""

import json
import sys

import pytest

from src.errors import YoyakError
from src.web import uploads
from src.web.data_view import ROWS_A_PAGE, guessed_columns, shared_dialogues, view_of_data
from src.web.place import PageError
from src.web.uploads import free_path, safe_name

CSV = b"fname,dialogue,summary\n1,A: hi,greets\n"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.csv", "a.csv"),
        ("내 파일 (1).CSV", "내_파일_1.csv"),
        ("../../etc/passwd.csv", "passwd.csv"),
        ("C:\\x\\b.jsonl", "b.jsonl"),
        ("..csv.parquet", "csv.parquet"),
        ("-rf.csv", "rf.csv"),
        ("<script>.tsv", "script.tsv"),
        ("x" * 300 + ".csv", "x" * 60 + ".csv"),
        ("\u1100\u1161.csv", "가.csv"),
    ],
)
def test_a_name_is_made_safe(name, safe):
    assert safe_name(name) == safe


@pytest.mark.parametrize("name", ["a.exe", "a", "", ".csv", "a.csv\0.sh", "a.csv/"])
def test_another_kind_of_file_is_refused(name):
    with pytest.raises(PageError) as refused:
        safe_name(name)
    assert refused.value.status == 415


def test_a_file_is_taken_in_whole(visitor, place):
    answer = visitor.post("/data?name=a.csv", content=CSV)
    assert (answer.status_code, answer.json()) == (200, {"address": "/data/a.csv"})
    assert (place.own / "data" / "a.csv").read_bytes() == CSV
    assert visitor.post("/data?name=a.csv", content=CSV).json() == {"address": "/data/a_2.csv"}
    assert "a_2.csv" in visitor.get("/data").text
    assert free_path(place.own / "data", "a.csv").name == "a_3.csv"
    assert free_path(place.own / "data", "a.tsv").name == "a_3.tsv"  # what is split off it goes to a_3_split


def test_what_is_too_large_leaves_nothing(visitor, place, monkeypatch):
    monkeypatch.setattr(uploads, "UPLOAD_BYTES", 20)
    assert visitor.post("/data?name=a.csv", content=CSV).status_code == 413
    assert visitor.post("/data?name=a.csv", content=iter([CSV]), headers={"content-length": "5"}).status_code in (
        400,
        413,
    )
    assert visitor.post("/data?name=a.csv", content=iter([CSV, CSV])).status_code == 413
    assert visitor.post("/data?name=a.exe", content=b"x").status_code == 415
    assert not any((place.own / "data").glob("*")) if (place.own / "data").exists() else True


def test_a_file_is_shown_with_its_bad_rows_by_line(visitor, brought_file):
    page = visitor.get(f"/data/{brought_file}").text
    assert '<th scope="row">6</th><td>no summary</td>' in page
    assert "They greet." in page
    assert "They go." in page
    assert '<dd class="figure">3</dd>' in page  # rows; one dialogue is there twice
    assert "1 to 3 of 3" in page
    assert "&amp;data.on_bad_rows=drop" in page
    assert "쓸 수 없는 행" in visitor.get(f"/data/{brought_file}", headers={"accept-language": "ko"}).text


def test_columns_are_guessed_and_can_be_chosen(visitor, place):
    data = place.own / "data"
    data.mkdir(parents=True)
    (data / "b.csv").write_text("본문,요약,other\nA: hi,greets,x\n")
    page = visitor.get("/data/b.csv").text
    assert 'name="dialogue_column" value="본문"' in page
    assert "greets" in page
    assert "data.dialogue_column=%EB%B3%B8%EB%AC%B8" in page
    page = visitor.get("/data/b.csv?summary_column=other&dialogue_column=nope").text
    assert "no column &#39;nope&#39;; its columns are 본문, 요약, other" in page
    assert visitor.get("/data/b.csv?encoding=klingon").status_code == 200
    assert guessed_columns(["text", "summary"], {}) == {"dialogue_column": "text"}
    assert guessed_columns(["원문", "요약문"], {}) == {"dialogue_column": "원문", "summary_column": "요약문"}
    assert guessed_columns(["대화", "대화문", "요약", "요약문"], {}) == {}
    assert guessed_columns(["dialogue", "text"], {"summary_column": "a"}) == {"summary_column": "a"}


def test_of_many_columns_the_number_is_said(visitor, place):
    (place.own / "data").mkdir(parents=True)
    names = ["dialogue", "summary", *(f"c{number}" for number in range(40))]
    (place.own / "data" / "wide.csv").write_text(",".join(names) + "\n" + ",".join("x" for _ in names) + "\n")
    page = visitor.get("/data/wide.csv").text
    assert "<code>c27</code> and 12 more" in page


def test_rows_come_a_page_at_a_time(tmp_path):
    path = tmp_path / "many.csv"
    path.write_text("fname,dialogue,summary\n" + "".join(f"{n},A: {n},s{n}\n" for n in range(1, 46)))
    first, last = view_of_data(path, {}, 0), view_of_data(path, {}, 2)
    assert [number for number, _ in first.shown] == list(range(1, ROWS_A_PAGE + 1))
    assert [(number, row.summary) for number, row in last.shown] == [(n, f"s{n}") for n in range(41, 46)]
    assert (first.rows, last.dialogue_chars) == (45, (4.8, 5, 5))
    assert view_of_data(path, {}, 9).shown == last.shown  # of an address that was right before rows were taken out
    path.write_text("fname,dialogue,summary\n1,A: other,s\n")
    assert view_of_data(path, {}, 0).rows == 1
    with pytest.raises(YoyakError, match="encoding"):
        view_of_data(path, {"encoding": "klingon"}, 0)


def test_dialogues_that_two_files_share_are_counted(tmp_path):
    ours, theirs = tmp_path / "a.csv", tmp_path / "b.csv"
    long = "A: one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    ours.write_text(f"fname,dialogue,summary\n1,A: the same here,s\n2,{long},s\n3,A: quite other words stand here,s\n")
    theirs.write_text(f"fname,dialogue,summary\n1,A: the same here,s\n2,{long} fifteen,s\n")
    assert shared_dialogues(ours, theirs, {}) == (1, 1)


def test_the_other_file_is_read_with_columns_and_encoding_of_its_own(tmp_path):
    ours, theirs = tmp_path / "a.csv", tmp_path / "b.csv"
    ours.write_bytes("번호,대화,요약\n1,A: 같은 말,s\n2,A: 다른 말,s\n".encode("cp949"))
    theirs.write_text("fname,dialogue\n1,A: 같은 말\n")
    settings = {"dialogue_column": "대화", "summary_column": "요약", "encoding": "cp949"}
    assert shared_dialogues(ours, theirs, settings) == (1, 0)
    theirs.write_text("대화\nA: 다른 말\n")
    assert shared_dialogues(ours, theirs, settings) == (1, 0)


def test_only_the_file_at_a_path_of_rows_is_read_by_it(tmp_path):
    ours, theirs = tmp_path / "a.json", tmp_path / "b.json"
    rows = [{"dialogue": "A: the same here", "summary": "s"}]
    ours.write_text(json.dumps({"data": {"rows": rows}, "other": rows}))
    for content in (rows, {"data": {"rows": rows}, "other": []}):
        theirs.write_text(json.dumps(content))
        assert shared_dialogues(ours, theirs, {"records": "data.rows"}) == (1, 0)


def test_lengths_are_counted_by_a_models_tokenizer(visitor, brought_file):
    page = visitor.get(f"/data/{brought_file}/lengths?experiment=smollm2_135m")
    assert page.status_code == 200
    assert "Nothing is cut" in page.text
    assert visitor.get(f"/data/{brought_file}/lengths?experiment=/etc/passwd").status_code == 404


@pytest.mark.parametrize("key", ["nope.csv", "mine.csv~x", "~", "%2e%2e~etc"])
def test_only_files_that_were_brought_are_there(visitor, brought_file, key):
    for address in (f"/data/{key}", f"/data/{key}/lengths", f"/data/{brought_file}/shared?other={key}"):
        assert visitor.get(address).status_code == 404


def test_what_reading_a_file_says_of_it_stands_on_its_page(visitor):
    """Each time it is read: the command line says some of it once."""
    blank = "dialogue,summary\n민수: 안녕,인사\n,\n"
    turns = {"talk": {"turns": [{"speaker": name, "text": "hi"} for name in "AB"]}, "summary": "greets"}
    visitor.post("/data?name=blank.csv", content=blank.encode())
    visitor.post("/data?name=turns.jsonl", content=f"{json.dumps(turns)}\n".encode())
    said = "blank.csv: 1 row without a value in any column left out, the first in line 3"
    lists = "turns.jsonl: dialogues are read from talk.turns, a line a turn, such as"
    for key, sentence in (("blank.csv", said), ("turns.jsonl", lists), ("blank.csv", said)):
        assert sentence in visitor.get(f"/data/{key}").text
    korean = visitor.get("/data/blank.csv", headers={"accept-language": "ko"}).text
    assert "blank.csv: 모든 열이 빈 행 1개를 뺐습니다(첫 번째는 3번째 줄)" in korean


def test_what_is_wrong_with_a_row_is_said_in_the_language_of_the_page(visitor):
    visitor.post("/data?name=fields.csv", content=b"dialogue,summary\nA: hi,greets\nA: hi,greets,more\n")
    page = visitor.get("/data/fields.csv", headers={"accept-language": "ko"}).text
    assert "3칸(열은 2개)" in page
    assert "instead of" not in page


def test_a_split_is_a_command(visitor, brought_file, place, monkeypatch):
    monkeypatch.setattr("src.web.processes.program", lambda: [sys.executable, "-c", "import sys; print(sys.argv[1:])"])
    answer = visitor.post(f"/data/{brought_file}/split", data={"share": "0.2", "encoding": "utf-8"})
    assert answer.status_code == 303
    job = visitor.get(answer.headers["location"]).text
    assert (
        "yoyak data split outputs/.studio/data/mine.csv --out outputs/.studio/data/mine_split --eval-share 0.2" in job
    )
    assert "data.encoding=utf-8" in job
    assert visitor.post(f"/data/{brought_file}/split", data={"share": "0.2; rm"}).status_code == 400
    unsplit = "a run would be scored on the rows that it is trained on"
    assert unsplit in visitor.get(f"/data/{brought_file}").text
    split = place.own / "data" / "mine_split"
    split.mkdir()
    for name in ("train", "dev"):
        (split / f"{name}.csv").write_text("fname,dialogue,summary\n1,A: hi,s\n")
    assert "mine_split%2Ftrain.csv" in visitor.get(f"/data/{brought_file}").text
    assert unsplit not in visitor.get(f"/data/{brought_file}").text
    assert visitor.get("/data/mine_split~train.csv").status_code == 200
    assert visitor.post(f"/data/{brought_file}/delete", data={"a": ""}).status_code == 303
    assert list((place.own / "data").iterdir()) == []
