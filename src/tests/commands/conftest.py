"""Commands run in an empty folder, on a tiny model, in this process; `yoyak(...)` returns exit code and output."""

import csv
import hashlib
import logging
import shutil
import signal
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from src.cli import main
from src.tests.tiny_models import DIALOGUES, SUMMARIES, write_tiny_model


@dataclass
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def yoyak(folder, capsys):
    def run(*arguments):
        capsys.readouterr()  # what writing the tiny model printed
        with pytest.raises(SystemExit) as stop:
            main(list(map(str, arguments)))
        out, err = capsys.readouterr()
        return Result(stop.value.code or 0, out, err)

    logger = logging.getLogger("yoyak")
    level, propagate = logger.level, logger.propagate
    with warnings.catch_warnings():  # a command sets the warnings and the log of its whole process
        yield run
    logging.captureWarnings(False)
    logger.setLevel(level)
    logger.propagate = propagate


@pytest.fixture
def survives_sigterm():
    """Let SIGTERM do nothing where no command has asked for it: it would end all tests."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    yield
    signal.signal(signal.SIGTERM, before)


def write_csv(path: Path, dialogues, summaries) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["fname", "dialogue", "summary"])
        writer.writerows([f"d{i}", *row] for i, row in enumerate(zip(dialogues, summaries, strict=True)))
    return path


@pytest.fixture(scope="session")
def trained_places(tmp_path_factory):
    """Where `trained_once` works and keeps what was trained."""
    return tmp_path_factory.mktemp("trained")


@pytest.fixture
def trained_once(yoyak, trained_places, monkeypatch):
    """`trained_once(*settings)` enters and returns a folder with `tiny.yaml` and the run of `yoyak train` on it.

    A run of the same settings is trained once and put back for later tests, at the path that its files name.
    """

    def enter(*settings):
        name = hashlib.sha256("\0".join(settings).encode()).hexdigest()[:12]
        work, kept = trained_places / name, trained_places / f"{name}.kept"
        shutil.rmtree(work, ignore_errors=True)  # as the test before has left it
        if not kept.exists():
            work.mkdir()
            monkeypatch.chdir(work)
            write_tiny_place(work)
            assert yoyak("train", "-e", "tiny.yaml", *settings).code == 0
            work.rename(kept)
        shutil.copytree(kept, work, symlinks=True)
        monkeypatch.chdir(work)
        return work

    return enter


@pytest.fixture
def tiny(folder):
    """A config `tiny.yaml` for a tiny model with data files, and its folder."""
    return write_tiny_place(folder)


def write_tiny_place(folder):
    """Write that config, its model and its data files; return the folder."""
    checkpoint = write_tiny_model(folder / "base")
    write_csv(folder / "train.csv", DIALOGUES, SUMMARIES)
    write_csv(folder / "dev.csv", DIALOGUES[:2], SUMMARIES[:2])
    config = {
        "model": {"checkpoint": checkpoint},
        "lora": {"r": 4},
        "tokenizer": {"encoder_max_len": 256, "decoder_max_len": 8},
        "dataset": {"language": "en"},
        "data": {"train": "train.csv", "eval": "dev.csv"},
        "training": {
            "epochs": 1,
            "batch_size": 2,
            "gradient_accumulation_steps": 1,
            "learning_rate": 1e-3,
            "logging_steps": 1,
            "gradient_checkpointing": False,
            "report_to": [],
        },
        "experiment": {"name": "tiny_qlora"},
    }
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder
