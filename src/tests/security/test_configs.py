"""Configs and data of strangers: bounded, read by a safe loader, and kept in their place."""

import shutil
import time
import zipfile
from pathlib import Path

import pytest

from src.config import load_config
from src.config.schema import DataSettings
from src.data.files.sources import load_dialogues
from src.errors import YoyakError

HEAD = "model: {checkpoint: x}\nexperiment: {name: y}\n"


def error_of(folder: Path, text: str, *overrides: str) -> str:
    """Return the one line with which a config is refused; within 2 s of the processor, whatever it holds."""
    path = folder / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    began = time.thread_time()
    with pytest.raises(YoyakError) as caught:
        load_config(path, overrides)
    assert time.thread_time() - began < 2
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    return str(caught.value).replace(f"{folder}/", "")


def bomb(levels: int, width: int = 9) -> str:
    lines = ["a0: &a0 [lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (bomb(9), "bad.yaml:5: more than 20000 values; write the settings out"),
        (HEAD + "data: &d {train: *d}\n", "bad.yaml:3: an alias stands inside of what it names; write the settings o"),
        (
            f"lora: {{target_modules: {'[' * 20}{']' * 20}}}\n",
            "bad.yaml:1: more than 16 levels; write the settings out",
        ),
        ("#" * 300_000, "bad.yaml: larger than 256 KiB, so it is no config; check the path"),
        ("lora:\n  r: !!python/object/apply:os.system [id]\n", "bad.yaml:2: the value cannot be read: could not deter"),
        ("lora:\n  r: !!python/name:os.system\n", "bad.yaml:2: the value cannot be read: could not determine a con"),
        (
            HEAD + "lora: {target_modules: [!!python/object/new:os.system [id]]}\n",
            "bad.yaml:3: the value cannot be read",
        ),
    ],
)
def test_hostile_yaml_is_refused_at_once(tmp_path: Path, text: str, said: str) -> None:
    assert error_of(tmp_path, text).startswith(said)


def test_a_plain_alias_is_fine(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(HEAD + "data: {train: &file a.csv, eval: *file}\n")
    assert load_config(tmp_path / "x.yaml").data.eval == "a.csv"


@pytest.mark.parametrize("name", ["../../x", "..", "/etc/x", "a/b", "a\\b", "C:x", "a\0b", " x", ""])
def test_a_run_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    text = f"model: {{checkpoint: x}}\nexperiment:\n  name: {name!r}\n".replace("\\x00", "\\0").replace(
        "'a\\0b'", '"a\\0b"'
    )
    assert error_of(tmp_path, text).endswith(": must be a plain folder name, without slashes")


@pytest.mark.parametrize("name", ["--trust-remote-code", "x\nFROM evil", "x\x1b[31m"])
def test_a_name_is_no_option_and_no_line(name: str) -> None:
    with pytest.raises(YoyakError, match="must be printable and not start with '-'"):
        load_config("smollm2_135m", [f"experiment.name={name}"])


def test_a_name_is_no_longer_than_disks_allow() -> None:
    """What is made of a run has longer names yet."""
    assert load_config("smollm2_135m", [f"experiment.name={'가' * 66}"]).experiment.name == "가" * 66
    with pytest.raises(YoyakError, match="must be at most 200 bytes long in UTF-8, where a Hangul syllable takes 3"):
        load_config("smollm2_135m", [f"experiment.name={'가' * 67}"])


def test_a_base_is_a_config(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("password: 1\n")
    said = error_of(tmp_path, "_base_: secret.txt\n")
    assert said == "bad.yaml:1: _base_ 'secret.txt': must be a .yaml or .yml file"


def test_only_the_command_line_lets_code_run(tmp_path: Path) -> None:
    text = "model:\n  checkpoint: x\n  trust_remote_code: true\n"
    assert error_of(tmp_path, text) == (
        "bad.yaml:3: model.trust_remote_code = true: a file can't let a checkpoint's code run; if you trust the "
        "checkpoint, say model.trust_remote_code=true on the command line"
    )
    assert load_config(tmp_path / "bad.yaml", ["model.trust_remote_code=true"]).model.trust_remote_code is True
    assert load_config(tmp_path / "bad.yaml", ["model.trust_remote_code=false"]).model.trust_remote_code is False


SECRETS = {
    "hf_" + "a1B2" * 8: "a Hugging Face token",
    "wandb_v1_" + "a1B2" * 8: "a W&B key",
    "sk-proj-" + "a1B2" * 8: "an API key",
    "ghp_" + "a1B2" * 8: "a GitHub token",
    "AKIA" + "A1B2" * 4: "an AWS key",
    "https://joe:open-sesame@host/x": "a password in an address",
    "-----BEGIN RSA PRIVATE KEY-----": "a private key",
}


@pytest.mark.parametrize(("secret", "kind"), SECRETS.items(), ids=SECRETS.values())
def test_a_secret_is_no_setting(tmp_path: Path, secret: str, kind: str) -> None:
    said = error_of(tmp_path, f"experiment:\n  name: x\n  tags: [a, '{secret}']\n")
    assert said.startswith(f"bad.yaml:3: experiment.tags holds {kind}, and settings are written to run.json")
    assert secret not in said
    said = error_of(tmp_path, HEAD, f"data.train={secret}")
    assert said.startswith(f"command line: data.train holds {kind}, ")
    assert secret not in said


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz", ".gz", ".tar", ".7z"])
def test_archives_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    file = tmp_path / f"data{suffix}"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../escaped.csv", "dialogue,summary\na,b\n")
    with pytest.raises(YoyakError, match=r"only \.csv \.tsv \.json \.jsonl \.parquet; convert the file"):
        load_dialogues(str(file), DataSettings())
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_ids_of_rows_name_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Splitting, the one command that writes tables by parts, with ids that are paths."""
    from src.cli import main

    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    rows = [f'../../evil{n}.csv,"A: word{n} talk{n}\nB: yes{n}",Talk {n}.,/etc/x{n}' for n in range(20)]
    Path("all.csv").write_text("fname,dialogue,summary,topic\n" + "\n".join(rows) + "\n")
    with pytest.raises(SystemExit) as stop:
        main(["data", "split", "all.csv", "--out", "parts"])
    assert not stop.value.code
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert sorted(path.name for path in home.iterdir()) == ["all.csv", "parts"]
    shutil.rmtree("parts")
