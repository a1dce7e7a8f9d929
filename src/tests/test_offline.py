"""`benchmarks/offline`: what is carried to a machine without network, and the stages that run there."""

import csv
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

OFFLINE = Path(__file__).resolve().parents[2] / "benchmarks" / "offline"
sys.path.insert(0, str(OFFLINE))  # its scripts import each other
data, figures, pieces, table = (import_module(name) for name in ("data", "figures", "pieces", "stages"))
Place, Stage = table.Place, table.Stage

KIB = 1 / 1024


def files_of(folder: Path) -> list[Path]:
    """Write two files, of 5 and 2 KiB."""
    paths = [folder / "first.site.tar", folder / "second.data.tar.xz"]
    for path, size in zip(paths, (5, 2), strict=True):
        path.write_bytes(os.urandom(size * 1024))
    return paths


def test_files_are_cut_into_folders_and_joined_as_they_come(tmp_path: Path) -> None:
    paths, carried, into = files_of(tmp_path), tmp_path / "carry", tmp_path / "joined"
    pieces.cut(paths, carried, 3 * KIB)
    assert [[path.name for path in sorted(folder.iterdir())] for folder in pieces.numbered(carried)] == [
        ["first.site.tar.00", "pieces.json"],
        ["first.site.tar.01", "pieces.json", "second.data.tar.xz.00"],
        ["pieces.json", "second.data.tar.xz.01"],
    ]
    for folder in pieces.numbered(carried):
        folder.rename(tmp_path / folder.name)

    def arrive(number: int) -> list[str]:
        (tmp_path / str(number)).rename(carried / str(number))
        missing = pieces.join(carried, into)
        (carried / str(number)).rename(tmp_path / str(number))  # gone again when the next one comes
        return missing

    assert arrive(3) == ["first.site.tar: carry/1, carry/2", "second.data.tar.xz: carry/2"]
    assert arrive(2) == ["first.site.tar: carry/1"]
    assert arrive(1) == []
    assert [(into / path.name).read_bytes() == path.read_bytes() for path in paths] == [True, True]
    assert [path.name for path in (into / "pieces").iterdir()] == ["pieces.json"]


def test_a_damaged_piece_and_another_cut_are_refused(tmp_path: Path) -> None:
    paths, carried, into = files_of(tmp_path), tmp_path / "carry", tmp_path / "joined"
    with pytest.raises(SystemExit, match="nothing: no such file, or an empty one"):
        pieces.cut([tmp_path / "nothing"], carried, 1)
    pieces.cut(paths, carried, 3 * KIB)
    piece = carried / "2" / "first.site.tar.01"
    piece.write_bytes(b"x" + piece.read_bytes()[1:])
    with pytest.raises(SystemExit, match=rf"^{piece}: damaged; carry {piece.parent} again$"):
        pieces.join(carried, into)
    assert not (into / "first.site.tar").exists()
    paths[0].write_bytes(os.urandom(1024))
    pieces.cut(paths, carried, 3 * KIB)
    with pytest.raises(SystemExit, match="folders of different cuts"):
        pieces.join(carried, into)


def test_what_has_arrived_is_installed_once(tmp_path: Path) -> None:
    wheel = tmp_path / "offline_hello-1.0-py3-none-any.whl"
    about, tag = "offline_hello-1.0.dist-info", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("offline_hello.py", "word = 'hello'\n")
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: offline-hello\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", tag)
        archive.writestr(f"{about}/RECORD", "")
    for name, path in (("hello.site.tar", wheel), ("words.shared.tar.xz", wheel)):
        with tarfile.open(tmp_path / name, "w:xz" if name.endswith("xz") else "w") as archive:
            archive.add(path, path.name)
    carried, prefix = tmp_path / "carry", tmp_path / "prefix"
    pieces.cut([tmp_path / "hello.site.tar", tmp_path / "words.shared.tar.xz"], carried, 4 * KIB)
    late = (carried / "1").rename(tmp_path / "1")

    def install() -> str:
        told = os.environ | {"PREFIX": str(prefix), "CARRIED": str(carried), "PYTHON": sys.executable}
        command = ["bash", str(OFFLINE / "install.sh")]
        done = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert install() == "installed: words\nto come: hello.site.tar: carry/1\n"
    late.rename(carried / "1")
    assert install() == "installed: hello\n"
    assert (prefix / "site" / "offline_hello.py").read_text() == "word = 'hello'\n"
    assert (prefix / "shared" / wheel.name).read_bytes() == wheel.read_bytes()
    assert install() == ""


def test_the_same_dialogues_are_held_out_each_time(tmp_path: Path) -> None:
    source = tmp_path / "train.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["fname", "dialogue"], *([f"train_{n}", f"말 {n}\n둘째 줄"] for n in range(400))])
    for name in ("one", "two"):
        data.split_korean(source, tmp_path / name)
    parts = {}
    for part in ("train", "dev"):
        assert (tmp_path / "one" / f"{part}.csv").read_bytes() == (tmp_path / "two" / f"{part}.csv").read_bytes()
        with (tmp_path / "one" / f"{part}.csv").open(encoding="utf-8", newline="") as file:
            parts[part] = [row["fname"] for row in csv.DictReader(file)]
    assert [len(parts["train"]), len(parts["dev"])] == [150, 250]
    assert len({*parts["train"], *parts["dev"]}) == 400


def ran(chosen: list[Any], place: Any, *cards: str) -> list[dict[str, Any]]:
    """Run stages; return their lines."""
    figures.run_all(chosen, place, place.prefix / "lane", 60, list(cards) or [""], "abc")
    lines = (place.prefix / "lane" / "lines.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in lines.splitlines()]


def test_each_stage_has_a_line_whatever_became_of_the_others(tmp_path: Path) -> None:
    place, made = Place(tmp_path), tmp_path / "made"
    chosen = [
        Stage("late", [["cat", str(made)]], 1, 9, needs=[place.done("maker")]),
        Stage("wrong", [["bash", "-c", "echo oh >&2; exit 3"], ["touch", str(tmp_path / "never")]], 1, 9),
        Stage("endless", [["sleep", "60"]], 1, 1),
        Stage("maker", [["bash", "-c", f"echo '{{\"x\": 1}}' | tee {made}"]], 1, 9, True),
        Stage("long", [["true"]], 100, 9),
        Stage("lost", [["true"]], 1, 9, needs=[tmp_path / "nothing"]),
    ]
    lines = {line.pop("stage"): line for line in ran(chosen, place)}
    assert all(line.pop("commit") == "abc" for line in lines.values())
    assert [lines["wrong"]["exit"], lines["wrong"]["error"], lines["endless"]["exit"]] == [3, "oh\n", "ended after 1 s"]
    assert (lines["maker"]["figures"], lines["late"]["figures"]) == ([{"x": 1}], [{"x": 1}])
    assert lines["long"] == {"left_out": "no time for it", "estimate": 100}
    assert lines["lost"] == {"left_out": f"not there: {tmp_path / 'nothing'}", "estimate": 1}
    assert not (tmp_path / "never").exists()


def test_what_measures_time_runs_alone_and_others_two_at_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    told = ["bash", "-c", f"echo begin >> {log}; sleep 0.7; echo end >> {log}"]
    chosen = [Stage(name, [told], 1, 9, name == "c") for name in "abcd"]
    lines = ran(chosen, Place(tmp_path))
    assert log.read_text().split() == ["begin", "begin", "end", "end", "begin", "end", "begin", "end"]
    assert {line["stage"]: line["beside"] for line in lines} == {"a": [], "b": ["a"], "c": [], "d": []}


def test_of_several_cards_each_stage_has_its_own(tmp_path: Path) -> None:
    place, log = Place(tmp_path), tmp_path / "log"
    say = ["bash", "-c", f"echo $CUDA_VISIBLE_DEVICES >> {log}; sleep 0.7; echo end >> {log}"]
    counts = {"one": 1, "other": 1, "both": 2, "again": 1, "three": 3}
    lines = ran([Stage(name, [say], 1, 9, True, cards=count) for name, count in counts.items()], place, "2", "5")
    told = log.read_text().split()
    assert (sorted(told[:2]), told[2:]) == (["2", "5"], ["end", "end", "2,5", "end", "2", "end"])
    assert {line["stage"]: line.get("cards", line.get("left_out")) for line in lines} == {
        "one": ["2"],
        "other": ["5"],
        "both": ["2", "5"],
        "again": ["2"],
        "three": "takes 3 GPUs",
    }


def test_rows_are_repeated_under_names_of_their_own(tmp_path: Path) -> None:
    source, into = tmp_path / "few.csv", tmp_path / "new" / "many.csv"
    source.write_text("fname,dialogue\na,one\nb,two\n", encoding="utf-8")
    data.repeat(source, into, 5)
    rows = [f"row_{number},{word}" for number, word in enumerate(["one", "two", "one", "two", "one"])]
    assert into.read_text(encoding="utf-8").splitlines() == ["fname,dialogue", *rows]


@pytest.mark.parametrize("dry", [False, True])
def test_stages_name_scripts_and_flags_that_exist(tmp_path: Path, dry: bool) -> None:
    found = table.stages(Place(tmp_path, dry))
    assert len({stage.name for stage in found}) == len(found)
    for stage in found:
        assert stage.seconds < stage.limit
        for command in stage.commands:
            if command[1] == "-m":
                continue
            script = Path(command[1])
            text = script.read_text(encoding="utf-8") + (OFFLINE.parent / "refine_step.py").read_text(encoding="utf-8")
            own = command[2 : command.index("--settings")] if "--settings" in command else command[2:]
            flags = [word for word in own if re.match("--[a-z]", word)]
            assert [flag for flag in flags if f'"{flag}"' not in text] == [], stage.name
