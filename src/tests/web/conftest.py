"""A studio without a socket, and one in a process of its own, over runs that are written here."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from src.tests.reports.conftest import METRICS, PREDICTIONS, RUN
from src.web.app import create_studio
from src.web.place import Place

TOKEN = "0123456789abcdef0123456789abcdef"
ORIGIN = "http://127.0.0.1"
WriteStudioRun = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, with a home of its own."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("YOYAK_HOME", str(tmp_path / "home"))
    return work


@pytest.fixture
def place(folder: Path) -> Place:
    return Place(Path("outputs"))


@pytest.fixture
def visitor(place: Place) -> Iterator[TestClient]:
    """A browser that has the token's cookie and comes from the studio's own pages."""
    with TestClient(create_studio(place, TOKEN), base_url=ORIGIN, follow_redirects=False) as client:
        client.cookies.set("yoyak_studio", TOKEN)
        client.headers["origin"] = ORIGIN
        client.headers["accept-language"] = "en"
        yield client


@pytest.fixture
def write_studio_run(place: Place) -> WriteStudioRun:
    """Write a run's files; settings of `run.json` by name."""

    def write(name: str = "one", metrics: list[dict[str, Any]] | None = None, **record: Any) -> Path:
        run = place.runs / name
        run.mkdir(parents=True)
        (run / "run.json").write_text(json.dumps(RUN | {"name": name} | record))
        for file, lines in (
            ("metrics.jsonl", METRICS if metrics is None else metrics),
            ("predictions.jsonl", PREDICTIONS),
        ):
            (run / file).write_text("".join(json.dumps(line) + "\n" for line in lines))
        return run

    return write


@pytest.fixture
def brought_file(place: Place) -> str:
    """Bring a data file with a bad row; returns its name in addresses."""
    data = place.own / "data"
    data.mkdir(parents=True)
    rows = [
        "fname,dialogue,summary,topic",
        '1,"A: Hi!\nB: Hello.",They greet.,tea',
        '2,"A: Go?\nB: Yes.",They go.,walk',
    ]
    (data / "mine.csv").write_text("\n".join([*rows, "3,A: No.,,walk", '4,"A: Hi!\nB: Hello.",Again.,tea']) + "\n")
    return "mine.csv"


@pytest.fixture
def running_studio(folder: Path) -> Iterator[Callable[[], str]]:
    """Start `yoyak studio` in its own process; returns the address with the token."""
    processes: list[subprocess.Popen[str]] = []
    root = Path(__file__).parents[3]

    def start() -> str:
        command = [sys.executable, "-m", "src", "studio", "--port", "0"]
        env = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        return process.stdout.readline().split()[-1]

    yield start
    for process in processes:
        process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()
