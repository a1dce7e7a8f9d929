"""Inputs that would fill the memory: each is refused by a process that has a little of it."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from src.data.files import readers
from src.tests.data.loading import load, write
from src.tests.data.loading import refusal as refusal_in_process

ROOT = Path(__file__).resolve().parents[3]
MOST_BYTES = 400 << 20  # of address space
HEAD = b"dialogue,summary\n"


def refusal(folder: Path, command: str, most_bytes: int = MOST_BYTES) -> str:
    """Run a command in a process of its own with little memory; return the one line that it says."""
    done = subprocess.run(
        [sys.executable, "-m", "src.cli", *command.split()],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes)),
    )
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not (folder / "out").exists()
    return done.stderr.strip()


def sparse(path: Path, size: int, head: bytes = b"", end: bytes = b"") -> None:
    """Write a file that holds zero bytes but for its start and end, and takes no room on the disk."""
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)
        file.seek(0, os.SEEK_END)
        file.write(end)


TOO_LONG = "row too long: more than 16,777,216 characters"
MEND = "; mend the rows or set data.on_bad_rows=drop"
ROWS = {
    "x.csv": (HEAD, f"yoyak: x.csv:2: {TOO_LONG}{MEND}"),
    "x.tsv": (b"", "yoyak: x.tsv:1: row too long in the header: more than 16,777,216 characters"),
    "x.jsonl": (b'{"a": "', f"yoyak: x.jsonl:1: {TOO_LONG}{MEND}"),
    "x.parquet": (b"PAR1", "yoyak: x.parquet: not a Parquet file ("),
}


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_a_line_of_200_megabytes(tmp_path, name):
    head, line = ROWS[name]
    sparse(tmp_path / name, 200 << 20, head)
    assert refusal(tmp_path, f"data split {name} --out out").startswith(line)


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_a_line_of_2_gigabytes(tmp_path, name):
    head, line = ROWS[name]
    sparse(tmp_path / name, 2 << 30, head)
    assert refusal(tmp_path, f"data split {name} --out out").startswith(line)


def test_a_json_file_of_2_gigabytes_is_refused_unread(tmp_path):
    sparse(tmp_path / "x.json", 2 << 30, b"[")
    line = refusal(tmp_path, "data split x.json --out out")
    assert line.startswith("yoyak: x.json: 2,147,483,648 bytes, and a .json file is read as a whole (536,870,912 at ")


def test_a_text_file_of_2_gigabytes(tmp_path):
    sparse(tmp_path / "x.txt", 2 << 30, b"A: hi\n")
    line = refusal(tmp_path, "summarize x.txt -e smollm2_135m")
    assert line == "yoyak: x.txt: more than 16,777,216 characters; one file holds one dialogue"


@pytest.mark.slow
def test_an_open_quote_before_400_megabytes_of_lines(tmp_path):
    with (tmp_path / "x.csv").open("wb") as file:
        file.write(HEAD + b'a,"')
        for _ in range(100):
            file.write((b"y" * 1023 + b"\n") * 4096)
    assert refusal(tmp_path, "data split x.csv --out out").startswith(f"yoyak: x.csv:2: {TOO_LONG}")


def test_a_million_columns(tmp_path):
    (tmp_path / "x.csv").write_text(",".join(map(str, range(1_000_000))) + "\n" + "," * 999_999 + "\n")
    assert refusal(tmp_path, "data split x.csv --out out") == (
        "yoyak: x.csv: 1,000,000 columns, 4,096 at most; leave out those that are not needed"
    )


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_an_object_with_a_million_keys(tmp_path, suffix):
    text = json.dumps({str(number): 0 for number in range(1_000_000)})
    (tmp_path / f"x.{suffix}").write_text(f"[{text}]" if suffix == "json" else text)
    line = refusal(tmp_path, f"data split x.{suffix} --out out")
    assert line.startswith(f"yoyak: x.{suffix}: no column 'dialogue' and 'summary'; its columns are 0, 1, 2, ")


@pytest.mark.slow
def test_a_list_of_5_million_lists_is_never_held_as_objects(tmp_path):
    (tmp_path / "x.json").write_text('{"a": [' + "[]," * 5_000_000 + "[]]}")
    line = refusal(tmp_path, "data split x.json --out out")
    assert line == "yoyak: x.json: more than 4,000,000 rows, which the memory may not hold; split the file"


@pytest.mark.slow
@pytest.mark.parametrize("columns", [HEAD, b"fname," + HEAD])
def test_a_csv_of_zeros(tmp_path, columns):
    (tmp_path / "x.csv").write_bytes(columns + b",".join([b"0"] * len(columns.split(b","))) + b"\n")
    with (tmp_path / "x.csv").open("ab") as file:
        for _ in range(45):
            file.write((b",".join([b"0"] * len(columns.split(b","))) + b"\n") * 100_000)
    line = refusal(tmp_path, "data check x.csv", most_bytes=6 << 30)
    assert line == "yoyak: x.csv: more than 4,000,000 rows, which the memory may not hold; split the file"


def test_more_rows_than_are_held(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "MOST_ROWS", 3)
    assert len(load(write(tmp_path, "a.csv", HEAD + b"0,0\n" * 3)).rows) == 3
    assert refusal_in_process(write(tmp_path, "b.csv", HEAD + b"0,0\n" * 4)).startswith("FILE: more than 3 rows, ")
