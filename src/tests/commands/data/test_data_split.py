"""`yoyak data split`: files with all columns as they are, whole or not at all."""

import csv
import json

import pytest

EXTRA = "fname,dialogue,summary,topic,speaker,분류\n"


def csv_lines(count, topic="t", speaker=""):
    return "".join(
        f'd{i},"A: a{i} b{i} c{i}\nB: x{i}",S {i}.,{topic},{speaker or i % 5},"007, {i}"\n' for i in range(count)
    )


@pytest.fixture
def mine(folder):
    (folder / "mine.csv").write_text(EXTRA + csv_lines(50), encoding="utf-8-sig")
    return folder


def read(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_train_and_dev_with_all_columns(yoyak, mine):
    result = yoyak("data", "split", "mine.csv", "--out", "parts")
    assert result.code == 0
    assert "45 rows  parts/train.csv" in result.out
    assert "No equal or nearly equal dialogues" in result.out
    assert "Next: yoyak train -e CONFIG data.train=parts/train.csv data.eval=parts/dev.csv" in result.out
    train, dev = read(mine / "parts" / "train.csv"), read(mine / "parts" / "dev.csv")
    rows = {row["fname"]: row for row in read(mine / "mine.csv")}
    assert (len(train), len(dev)) == (45, 5)
    assert {row["fname"]: row for row in train + dev} == rows
    assert list(train[0]) == ["fname", "dialogue", "summary", "topic", "speaker", "분류"]
    assert (mine / "parts" / "train.csv").read_bytes().startswith(b"\xef\xbb\xbf")  # as the source, for Excel
    assert sorted(path.name for path in (mine / "parts").iterdir()) == ["dev.csv", "train.csv"]


def test_a_file_of_a_korean_excel_is_one_again_and_the_next_command_names_its_columns(yoyak, folder):
    rows = "".join(f'"민수: 안녕 {i} {i}번 가\r\n지은: 응 {i}",인사한다.\r\n' for i in range(10))
    (folder / "calls.csv").write_bytes(f"대화,요약\r\n{rows}".encode("cp949"))
    columns = ("data.dialogue_column=대화", "data.summary_column=요약")
    result = yoyak("data", "split", "calls.csv", "--out", "parts", *columns, "data.encoding=cp949")
    files = "data.train=parts/train.csv data.eval=parts/dev.csv"
    assert f"Next: yoyak train -e CONFIG {files} {' '.join(columns)}\n" in result.out
    assert (folder / "parts" / "train.csv").read_bytes().startswith("\ufeff대화,요약".encode())
    more = yoyak("data", "augment", "parts/train.csv", "--rename-speakers", 1, "--out", "more.csv", *columns)
    assert f"Next: yoyak train -e CONFIG data.train=more.csv {' '.join(columns)}\n" in more.out


def test_folds_and_json(yoyak, mine):
    report = json.loads(yoyak("data", "split", "mine.csv", "--folds", 3, "--out", "folds", "--seed", 7, "--json").out)
    assert list(report["files"]) == [f"folds/fold_{k}/{name}.csv" for k in range(3) for name in ("train", "dev")]
    assert sorted(report["files"].values()) == [16, 17, 17, 33, 33, 34]
    assert (report["seed"], report["topics"], report["kept_together"]["groups"]) == (7, 1, 0)
    evaluated = [row["fname"] for fold in range(3) for row in read(mine / "folds" / f"fold_{fold}" / "dev.csv")]
    assert sorted(evaluated) == sorted(f"d{i}" for i in range(50))


def test_duplicates_and_groups_stay_together(yoyak, mine):
    with (mine / "mine.csv").open("a", encoding="utf-8") as file:
        file.write('copy,"X: A3, B3 c3!\nY: x3",S.,t,,\n')
    result = yoyak(
        "data", "split", "mine.csv", "--out", "parts", "--eval-share", 0.2, "--group-by", "speaker", "--by", "none"
    )
    assert (
        "Kept on one side: equal or nearly equal dialogues (word trigrams, Jaccard 0.5 or more) and rows of one"
        in result.out
    )
    assert "51 rows in 5 groups, the largest of 11" in result.out
    assert "Dealt out at random; seed 42" in result.out
    dev = read(mine / "parts" / "dev.csv")
    assert len({row["speaker"] for row in dev if row["fname"] != "copy"}) == 1


def test_rows_without_a_group_stay_alone(yoyak, folder):
    rooms = ["NaN"] * 20 + ["null"] * 20 + ["1", "1"]
    rows = [f'{{"dialogue": "A: a{i} b{i} c{i}", "summary": "S {i}.", "room": {room}}}' for i, room in enumerate(rooms)]
    (folder / "mine.jsonl").write_text("\n".join(rows))
    report = json.loads(yoyak("data", "split", "mine.jsonl", "--out", "parts", "--group-by", "room", "--json").out)
    assert report["kept_together"] == {"groups": 1, "rows": 2, "largest": 2}


def test_the_file_itself_is_not_replaced_by_a_part_of_it(yoyak, folder):
    (folder / "train.csv").write_text(EXTRA + csv_lines(20))
    before = (folder / "train.csv").read_bytes()
    for options in ((), ("--overwrite",)):
        result = yoyak("data", "split", "train.csv", "--out", ".", *options)
        assert (result.code, result.err) == (
            2,
            "yoyak: train.csv: is the input itself; name another folder with --out\n",
        )
    assert (folder / "train.csv").read_bytes() == before
    assert not (folder / "dev.csv").exists()


def test_json_lines_keep_their_values(yoyak, folder):
    rows = [{"dialogue": f"A: w{i} x{i} y{i}", "summary": "s", "tags": [i, None], "n": 1.5} for i in range(20)]
    (folder / "mine.json").write_text(json.dumps(rows, ensure_ascii=False))
    assert yoyak("data", "split", "mine.json", "--out", "parts").code == 0
    lines = "".join((folder / "parts" / f"{name}.jsonl").read_text() for name in ("train", "dev")).splitlines()
    written = [json.loads(line) for line in lines]
    assert sorted(written, key=lambda row: row["tags"][0]) == rows


def test_parquet_keeps_its_types(yoyak, folder):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    columns = {"dialogue": [f"A: w{i} x{i} y{i}" for i in range(20)], "summary": ["s"] * 20}
    table = pa.table(columns | {"n": pa.array(range(20), pa.int8())})
    pq.write_table(table, folder / "mine.parquet")
    assert yoyak("data", "split", "mine.parquet", "--out", "parts").code == 0
    train, dev = (pq.read_table(folder / "parts" / f"{name}.parquet") for name in ("train", "dev"))
    assert train.schema == table.schema
    assert sorted(train["n"].to_pylist() + dev["n"].to_pylist()) == list(range(20))


def test_files_that_are_there_are_replaced_only_when_asked(yoyak, mine):
    (mine / "parts").mkdir()
    (mine / "parts" / "dev.csv").write_text("mine")
    result = yoyak("data", "split", "mine.csv", "--out", "parts")
    assert (result.code, result.err) == (
        2, "yoyak: parts/dev.csv: is there already; add --overwrite, or name another place with --out\n"
    )  # fmt: skip
    assert [path.name for path in (mine / "parts").iterdir()] == ["dev.csv"]
    assert yoyak("data", "split", "mine.csv", "--out", "parts", "--overwrite").code == 0
    assert len(read(mine / "parts" / "dev.csv")) == 5


def test_older_folds_are_not_mixed_with_new_ones(yoyak, mine):
    assert yoyak("data", "split", "mine.csv", "--out", "folds", "--folds", 5).code == 0
    result = yoyak("data", "split", "mine.csv", "--out", "folds", "--folds", 3, "--overwrite")
    assert (result.code, result.err) == (
        2, "yoyak: folds/fold_3: is of another split; remove it, or name another folder with --out\n"
    )  # fmt: skip


def test_nothing_is_left_where_a_file_cannot_be_written(yoyak, mine):
    (mine / "folds").mkdir()
    (mine / "folds" / "fold_1").write_text("a file, no folder")
    result = yoyak("data", "split", "mine.csv", "--out", "folds", "--folds", 2)
    assert result.code == 2
    assert "folds/fold_1: cannot be written (File exists)" in result.err
    assert not [path for path in (mine / "folds").rglob("*") if path.name.endswith("csv") or path.name.startswith(".")]


def test_bad_rows_are_said(yoyak, mine):
    with (mine / "mine.csv").open("a", encoding="utf-8") as file:
        file.write("bad,,S.,t,,\n")
    refused = yoyak("data", "split", "mine.csv", "--out", "parts")
    assert (refused.code, "mine.csv:102: no dialogue" in refused.err) == (2, True)
    result = yoyak("data", "split", "mine.csv", "--out", "parts", "data.on_bad_rows=drop")
    assert "mine.csv: 1 row is left out (no dialogue)" in result.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--by", "topics"], "--by topics: choose topic or none; did you mean 'topic'?"),
        (["--folds", "3", "--eval-share", "0.1"], "--folds and --eval-share exclude each other"),
        (["--folds", "1"], "1 folds: use 2 or more"),
        (["--eval-share", "2"], "eval share 2: it is the part of the rows to keep for evaluation, such as 0.1"),
        (["--group-by", "speakr"], "mine.csv: no column 'speakr'; did you mean 'speaker'?; its columns are fname"),
        (["other.csv"], "other.csv: one file is split at a time"),
        (["data.dialogue_colum=x"], "data.dialogue_column"),
    ],
)
def test_bad_input(yoyak, mine, options, said):
    result = yoyak("data", "split", "mine.csv", *options, "--out", "parts")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert said in result.err
    assert not (mine / "parts").exists()


def test_hub_data_sets_are_no_files(yoyak, folder):
    assert "hub:a/b: name a file;" in yoyak("data", "split", "hub:a/b", "--out", "parts").err
