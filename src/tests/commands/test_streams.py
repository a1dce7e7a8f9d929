"""Commands whose output, disk or working folder takes nothing: one line, exit code 2, and all work is kept."""

import io
import json
import os
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from src.cli import main
from src.streams import Forgiving, has_characters_of
from src.tests.small_disk import SmallDisk, small_disk

__all__ = ["small_disk"]  # the fixture
KOREAN = ("summarize", "sample:ko/dev.csv", "-e", "tiny.yaml")
COMMANDS = [
    ("--help",),
    ("config", "show", "tiny.yaml"),
    ("config", "show", "tiny.yaml", "--json"),
    ("data", "check", "train.csv"),
    ("data", "stats", "train.csv"),
    ("evaluate", "--predictions", "a.csv", "--references", "train.csv", "--json"),
    ("summarize", "train.csv", "-e", "tiny.yaml"),
    ("summarize", "train.csv", "-e", "tiny.yaml", "--out", "kept.csv", "--json"),
]


def ending_in(stream, command, monkeypatch, capsys):
    """Run a command that writes to a stream; return exit code and what went to standard error."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        with pytest.raises(SystemExit) as stop:
            main(list(command))
    return stop.value.code or 0, [line for line in capsys.readouterr().err.splitlines() if line.startswith("yoyak: ")]


@pytest.fixture
def files(tiny):
    lines = (tiny / "train.csv").read_text(encoding="utf-8")
    (tiny / "a.csv").write_text(lines.replace("fname,dialogue,summary", "fname,dialogue,generated_summary"), "utf-8")
    return tiny


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_full_disk_behind_the_output_is_one_line(files, monkeypatch, capsys, command):
    with Path("/dev/full").open("w") as stream:
        code, said = ending_in(stream, command, monkeypatch, capsys)
    assert (code, said) == (2, ["yoyak: standard output can't be written (No space left on device)"])
    assert (files / "kept.csv").exists() == ("--out" in command)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_reader_that_has_gone_loses_lines_and_nothing_else(files, monkeypatch, capsys, command):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        assert ending_in(stream, command, monkeypatch, capsys) == (0, [])
    assert (files / "kept.csv").exists() == ("--out" in command)


def test_an_output_without_korean_letters(tiny, monkeypatch, capsys):
    """What is shown has escapes, JSON its own; data that are no longer themselves end with exit code 2."""

    def run(*command):
        with Path("ascii.txt").open("w", encoding="ascii") as stream:
            ended = ending_in(stream, command, monkeypatch, capsys)
        return *ended, Path("ascii.txt").read_text("ascii")

    code, said, text = run("data", "stats", "sample:ko/dev.csv")
    assert (code, said, "\\u" in text) == (0, [], True)
    code, said, text = run("data", "check", "sample:ko/dev.csv", "--json")
    assert (code, said, json.loads(text)["rows"]) == (0, [], 20)
    code, said, text = run(*KOREAN)
    assert code == 2
    assert said == [
        "yoyak: the output's encoding (ascii) lacks characters, which were printed as escapes such as \\uac00; "
        "set PYTHONIOENCODING=utf-8 or pass --out FILE"
    ]
    assert text.count("\n") > 20
    assert run(*KOREAN, "--out", "kept.csv")[:2] == (0, [])


def shell(folder, line):
    """Run a line of shell, `yoyak` in it, as a process of its own; return code and the lines of standard error."""
    yoyak = f"{shlex.quote(sys.executable)} -m src.cli"
    surroundings = {"PYTHONPATH": str(Path(__file__).parents[3]), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-c", line.replace("yoyak", yoyak)],
        cwd=folder,
        env=os.environ | surroundings,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, [said for said in done.stderr.splitlines() if said.startswith("yoyak: ")]


def test_no_file_gets_the_number_of_a_closed_output(tiny):
    """Where 1 is closed, the next file that is opened would be 1, and get what libraries print."""
    code = "import os, src.cli\ntry: src.cli.main(['config', 'list'])\nexcept SystemExit: print(os.open('.', 0) > 2)"
    assert shell(tiny, f'{shlex.quote(sys.executable)} -c "{code}" >&- 2>&- <&-') == (0, [])
    assert shell(tiny, "yoyak summarize - -e tiny.yaml <&-") == (2, ["yoyak: -: the dialogue is empty"])
    assert shell(tiny, "yoyak config show nope 2>&-") == (2, [])
    assert shell(tiny, "yoyak config show nope 2>/dev/full") == (2, [])


@pytest.mark.parametrize("command", ["config list", "data check /dev/null", "compare a b"])
def test_a_working_folder_that_is_gone(tmp_path, command):
    said = "yoyak: the working folder has been removed; change to one that is there"
    assert shell(tmp_path, f"mkdir gone; cd gone; rmdir ../gone; yoyak {command}") == (2, [said])


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            "data split sample:en/train.csv --out s",
            "s/train.csv: cannot be written (File too large); name another place with --out",
        ),
        (
            "train -e tiny.yaml training.max_steps=1",
            "outputs/tiny_qlora: a file is larger than this process may write; nothing half-written was kept; "
            "raise the limit (ulimit -f) or set experiment.output_dir",
        ),
    ],
)
def test_a_limit_on_the_size_of_files(yoyak, tiny, command, said):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limits[1]))
    try:
        result = yoyak(*command.split())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (result.code, result.err.splitlines()[-1]) == (2, f"yoyak: {said}")
    assert result.err.count("yoyak: ") == 1
    assert not (tiny / "s").exists()


@pytest.mark.parametrize(
    "command",
    [("summarize", "train.csv", "-e", "tiny.yaml"), ("evaluate", "-e", "tiny.yaml", "data.eval=train.csv")],
    ids=lambda command: command[0],
)
def test_a_disk_that_fills_up_while_summaries_are_written(yoyak, tiny, small_disk: SmallDisk, command):
    """The file has room for its first rows; what stands there is whole, and a second try goes on from it."""
    (tiny / "train.csv").write_text("fname,dialogue,summary\n" + "".join(f"{n},A: {'a' * 900},s\n" for n in range(9)))
    out = small_disk.folder / "out.csv"
    (small_disk.folder / "room").write_bytes(bytes(8192))
    (small_disk.folder / "settings").write_bytes(bytes(4096))
    small_disk.fill()
    (small_disk.folder / "room").unlink()
    (small_disk.folder / "settings").unlink()
    result = yoyak(*command, "--out", out)
    assert result.code == 2
    assert result.err.splitlines()[-1] == (
        f"yoyak: {out}: cannot be written (No space left on device); name another file with --out"
    )
    assert result.err.count("yoyak: ") == 1
    assert "Traceback" not in result.err
    (small_disk.folder / "filler").unlink()
    again = yoyak(*command, "--out", out)
    assert again.code == 0, again.err
    assert "of 9 summaries" in again.err


def test_what_a_stream_lacks():
    assert has_characters_of(io.StringIO(), "가")
    assert has_characters_of(io.TextIOWrapper(io.BytesIO(), "utf-8"), "가\ud800")
    assert not has_characters_of(io.TextIOWrapper(io.BytesIO(), "ascii"), "가")
    assert has_characters_of(io.TextIOWrapper(io.BytesIO(), "euc-kr"), "가")
    with pytest.raises(TypeError):
        Forgiving(io.StringIO()).write(b"")  # type: ignore[arg-type]
