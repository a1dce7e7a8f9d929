"""`yoyak data augment`: what is written, what is shown, and what is refused."""

import csv
import json

import pytest

HEADER = "fname,dialogue,summary,topic,score\n"
ROWS = (
    HEADER
    + 'a,"Maya: Hi, Tobias.\nTobias: Bye, Maya.",Maya greets Tobias.,trip,1\n'
    + 'b,"Clerk: Next.\nGuest: Me.",A guest comes.,,2\n'
)


@pytest.fixture
def mine(folder):
    (folder / "mine.csv").write_text(ROWS, encoding="utf-8")
    return folder


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_renamed_copies_stand_behind_their_rows(yoyak, mine):
    result = yoyak("data", "augment", "mine.csv", "--out", "more.csv", "--rename-speakers", 2)
    assert result.code == 0
    assert "2 renamed copies of 1 of 2 rows" in result.out
    assert "2 speakers not renamed: not a name" in result.out
    rows = read(mine / "more.csv")
    assert [row["fname"] for row in rows] == ["a", "a_renamed1", "a_renamed2", "b"]
    assert [rows[0], rows[3]] == read(mine / "mine.csv")
    copy = rows[1]
    first, second = (turn.split(": ")[0] for turn in copy["dialogue"].split("\n"))
    assert copy["dialogue"] == f"{first}: Hi, {second}.\n{second}: Bye, {first}."
    assert copy["summary"] == f"{first} greets {second}."
    assert (copy["topic"], copy["score"]) == ("trip", "1")
    assert {first, second}.isdisjoint({"Maya", "Tobias"})


def test_the_file_can_be_trained_on(yoyak, mine):
    yoyak("data", "augment", "mine.csv", "--out", "more.jsonl", "--rename-speakers", 1)
    report = json.loads(yoyak("data", "check", "more.jsonl", "--json").out)
    assert (report["rows"], report["bad_rows"]) == (3, {})


def test_show_prints_before_and_after(yoyak, mine):
    out = yoyak("data", "augment", "mine.csv", "--out", "more.csv", "--rename-speakers", 2, "--show", 3).out
    assert out.count("a: Maya -> ") == 1
    assert "  before\n    Maya: Hi, Tobias.\n    Tobias: Bye, Maya.\n    = Maya greets Tobias.\n  after\n" in out


def test_instructions_are_messages(yoyak, mine):
    result = yoyak("data", "augment", "mine.csv", "--out", "messages.jsonl", "--instructions", "--show", 1)
    assert "10 rows in messages.jsonl" in result.out
    assert "data.instruction_augmentation=true" in result.out
    assert "  user       State briefly what the given dialogue is about. | Maya: Hi, Tobias. | ..." in result.out
    rows = [json.loads(line) for line in (mine / "messages.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["fname"] for row in rows[:2]] == ["a_instruction1", "a_instruction2"]
    assert list(rows[0]) == ["fname", "topic", "score", "messages"]
    assert rows[1]["messages"] == [
        {"role": "system", "content": "You are an expert at summarizing dialogues."},
        {
            "role": "user",
            "content": "Write down the key points of the dialogue below.\nMaya: Hi, Tobias.\nTobias: Bye, Maya.",
        },
        {"role": "assistant", "content": "Maya greets Tobias."},
    ]


def test_both_kinds_multiply(yoyak, mine):
    options = ("--instructions", "--rename-speakers", 1, "--json")
    report = json.loads(yoyak("data", "augment", "mine.csv", "--out", "messages.jsonl", *options).out)
    assert (report["rows"], report["renamed"]["copies"], report["rows_written"]) == (2, 1, 15)


def test_rows_without_ids_get_none(yoyak, folder):
    (folder / "mine.csv").write_text('dialogue,summary\n"Maya: Hi.\nBen: Bye, Maya.\nBen: x",Maya greets Ben.\n')
    yoyak("data", "augment", "mine.csv", "--out", "more.csv", "--rename-speakers", 1)
    assert [list(row) for row in read(folder / "more.csv")] == [["dialogue", "summary"]] * 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "more.csv"], "say what to add: --rename-speakers N, --instructions, or both"),
        (["--out", "more.csv", "--instructions"], "--out more.csv: --instructions writes messages; name a file"),
        (["--out", "more.txt", "--rename-speakers", "1"], "--out more.txt: name a file that ends in .csv, .tsv"),
        (["--out", "mine.csv", "--rename-speakers", "1"], "--out mine.csv: is the input itself; name another file"),
        (["--out", "there.csv", "--rename-speakers", "1"], "there.csv: is there already; add --overwrite"),
    ],
)
def test_bad_input(yoyak, mine, options, said):
    (mine / "there.csv").write_text("x")
    result = yoyak("data", "augment", "mine.csv", *options)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert said in result.err
    assert (mine / "mine.csv").read_text(encoding="utf-8") == ROWS


def test_conversations_have_no_columns_to_rename_in(yoyak, folder):
    messages = [{"role": "user", "content": "Maya: Hi.\nBen: Bye."}, {"role": "assistant", "content": "They talk."}]
    (folder / "chat.jsonl").write_text(json.dumps({"messages": messages}) + "\n")
    result = yoyak("data", "augment", "chat.jsonl", "--out", "more.jsonl", "--rename-speakers", 1)
    assert (result.code, "chat.jsonl: holds conversations" in result.err) == (2, True)
