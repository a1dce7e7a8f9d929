"""Secrets stay where they are: five kinds are planted, and all that real runs write and say is searched for them."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from src.redaction import HIDDEN, kind_of_secret, redact, traceback_of
from src.resources import yoyak_home
from src.tests.tiny_models import DIALOGUES, SUMMARIES, write_tiny_model

ROOT = Path(__file__).resolve().parents[3]
PLANTED = {
    "HF_TOKEN": "hf_" + "Zq7Wx9Lm2K" * 3,
    "WANDB_API_KEY": "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c",
    "MY_DATABASE_PASSWORD": "correct-horse-battery",
    "token file": "opaque.Token.Of.The.Hub.42",
    "netrc": "netrc-pa55word-of-joe",
}


@pytest.fixture
def place(tmp_path: Path):
    """A folder with data, a tiny model and a config, and the environment with all five secrets."""
    home, work = tmp_path / "home", tmp_path / "work"
    (home / "hf").mkdir(parents=True)
    work.mkdir()
    (home / "hf" / "token").write_text(PLANTED["token file"] + "\n")
    (home / ".netrc").write_text(f"machine api.example.org login joe password {PLANTED['netrc']}\n")
    (home / ".netrc").chmod(0o600)
    with (work / "train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["dialogue", "summary"], *zip(DIALOGUES, SUMMARIES, strict=True)])
    (work / "tiny.yaml").write_text(
        yaml.safe_dump(
            {
                "model": {"checkpoint": write_tiny_model(work / "base")},
                "lora": {"r": 4, "use_qlora": False},
                "tokenizer": {"encoder_max_len": 256, "decoder_max_len": 4},
                "dataset": {"language": "en"},
                "data": {"train": "train.csv", "eval": "train.csv"},
                "training": {"max_steps": 1, "batch_size": 2, "gradient_accumulation_steps": 1, "learning_rate": 1e-3},
                "evaluation": {"generate": True},
            }
        )
    )
    environment = {name: value for name, value in PLANTED.items() if name.isupper()}
    kept = {"YOYAK_HOME": str(yoyak_home())}  # with the converted model and this machine's speed
    places = kept | {
        "HOME": str(home),
        "HF_HOME": str(home / "hf"),
        "NETRC": str(home / ".netrc"),
        "WANDB_MODE": "offline",
    }
    return work, {**os.environ, **environment, **places, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}


def run(place, *arguments: str) -> subprocess.CompletedProcess:
    work, environment = place
    command = [sys.executable, "-m", "src.cli", *arguments]
    return subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)


def leaks(place, *said: str) -> list[str]:
    """Return where a planted secret stands: in files, by name, and in what was said."""
    found = []
    for kind, secret in PLANTED.items():
        found += [f"{kind} on the screen" for text in said if secret in text]
        for path in place[0].rglob("*"):
            if secret in str(path) or (path.is_file() and secret.encode() in path.read_bytes()):
                found.append(f"{kind} in {path.relative_to(place[0])}")
    return found


def check_run(place, trackers: str) -> None:
    done = run(place, "--debug-errors", "train", "-e", "tiny.yaml", f"training.report_to={trackers}")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (place[0] / "outputs" / "tiny").rglob("*")}
    assert {"run.json", "train.log", "report.html", "yoyak.yaml", "metrics.jsonl"} <= names
    assert leaks(place, done.stdout, done.stderr) == []


@pytest.mark.long
def test_a_run_writes_none(place) -> None:
    check_run(place, "[tensorboard]")
    work = place[0]
    assert any((work / "outputs").rglob("events.out.tfevents.*"))
    (work / "leak.txt").write_text(PLANTED["netrc"])  # the search itself finds
    assert leaks(place) == ["netrc in leak.txt"]


@pytest.mark.slow
def test_a_run_with_wandb_writes_none(place) -> None:
    check_run(place, "[tensorboard, wandb]")
    assert any((place[0] / "wandb").rglob("*.wandb"))


def test_a_secret_in_a_setting_is_refused_and_not_said(place) -> None:
    for number, secret in enumerate(PLANTED.values()):
        debug = ["--debug-errors"] * (number % 2)
        done = run(place, *debug, "config", "show", "tiny.yaml", f"data.train={secret}/train.csv")
        assert done.returncode == (1 if debug else 2)
        assert "data.train holds" in done.stderr
        assert leaks(place, done.stdout, done.stderr) == []


@pytest.mark.slow
def test_a_secret_in_an_argument_is_not_repeated(place) -> None:
    path = f"https://joe:{PLANTED['netrc']}@host/{PLANTED['HF_TOKEN']}.csv"
    done = run(place, "data", "check", path)
    assert done.returncode == 2
    assert HIDDEN in done.stderr
    assert leaks(place, done.stdout, done.stderr) == []


@pytest.mark.slow
@pytest.mark.parametrize("debug", [[], ["--debug-errors"]])
def test_a_failing_run_writes_none(place, debug: list[str]) -> None:
    """An error, deep inside, whose text has every secret: in run.json, the log and the traceback it is hidden."""
    work, environment = place
    code = (
        "import sys\nfrom src.commands.train import run_steps\nfrom src.cli import main\n"
        f"def fail(*_, **__):\n    raise RuntimeError('401: ' + ' '.join({list(PLANTED.values())!r}))\n"
        "run_steps.score = fail\nmain(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", code, *debug, "train", "-e", "tiny.yaml"]
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "RuntimeError: 401: " + " ".join([HIDDEN] * 5) in done.stderr
    assert leaks(place, done.stdout, done.stderr) == []
    logs = list((work / "logs").rglob("*.log"))
    assert logs
    assert all(f"Failed: 401: {HIDDEN}" in log.read_text() for log in logs)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("GET https://joe:pw@host/a?b", "GET https://[secret]@host/a?b"),
        ("Authorization: Bearer abcdefghijklmnopqrstuvwxyz.", "Authorization: Bearer [secret]"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- x", "[secret] x"),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abcdefgh", "[secret]"),
        ("commit 0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c", "commit 0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c"),
        (
            "#Person1#: at 10:30 @home, see https://example.org/x:y",
            "#Person1#: at 10:30 @home, see https://example.org/x:y",
        ),
        ("task_hf_model hf_short sk-learn", "task_hf_model hf_short sk-learn"),
    ],
)
def test_what_looks_like_a_secret(text: str, hidden: str) -> None:
    assert redact(text) == hidden
    assert (kind_of_secret(text) is None) is (text == hidden)


def test_tracebacks_with_their_causes() -> None:
    secret = "hf_" + "Zq7Wx9Lm2K" * 3
    try:
        try:
            raise ValueError(secret)
        except ValueError as error:
            raise RuntimeError(f"again {secret}") from error
    except RuntimeError as error:
        said = traceback_of(error)
    assert secret not in said
    assert "ValueError: [secret]" in said
    assert "RuntimeError: again [secret]" in said
    assert json.dumps(said)
