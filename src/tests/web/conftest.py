"""A studio without a socket, and one in a process of its own, over runs that are written here."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from src.config.loader import load_config
from src.search.folder import trial_name
from src.serving.sockets import listen, url_of
from src.tests.direct_client import direct_client
from src.tests.reports.conftest import METRICS, PREDICTIONS, RUN
from src.web.app import create_studio
from src.web.entrance import TokenEntrance
from src.web.launch import studio_server
from src.web.place import Place
from src.web.run_events import ENDING
from src.web.studio import Studio

TOKEN = "0123456789abcdef0123456789abcdef"
ORIGIN = "http://127.0.0.1"
VOTED_ROWS = [
    {"fname": f"{n}", "dialogue": f"A: At {n}?\nB: Yes, at {n}.", "summary": f"They meet at {n}.",
     "zero_shot": "nothing", "fine_tuned": f"They meet at {n}."}
    for n in range(2, 10)
]  # fmt: skip
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
def visitor(place: Place) -> Iterator[httpx.Client]:
    """A browser that has the token's cookie and comes from the studio's own pages."""
    with direct_client(create_studio(place, TOKEN), ORIGIN) as client:
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
def voted_on(write_studio_run: WriteStudioRun, place: Place) -> Place:
    """Two runs whose summaries of the same six dialogues differ."""
    for name in ("one", "two"):
        rows = VOTED_ROWS if name == "one" else [row | {"fine_tuned": "It is at nine."} for row in VOTED_ROWS[:6]]
        folder = write_studio_run(name)
        (folder / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


@pytest.fixture
def studio_here(place: Place) -> Iterator[str]:
    """Serve the studio's pages in a thread, without its queue; gives the address with the token.

    A process of its own, `running_studio`, takes two seconds to begin, and others for its worker's.
    """
    with listen("127.0.0.1", 0) as listener:
        server = studio_server(Studio(place), TOKEN, TokenEntrance(TOKEN))
        thread = threading.Thread(target=asyncio.run, args=[server.serve([listener])])
        thread.start()
        yield f"{url_of(listener)}/?token={TOKEN}"
        server.handle_exit(signal.SIGTERM, None)
        thread.join(20)
        ENDING.clear()
        assert not thread.is_alive()


@pytest.fixture
def running_studio(folder: Path) -> Iterator[Callable[..., str]]:
    """Start `yoyak studio` in its own process; returns the address with the token."""
    processes: list[subprocess.Popen[str]] = []
    root = Path(__file__).parents[3]

    def start(*words: str, **environment: str) -> str:
        command = [sys.executable, "-m", "src", "studio", "--port", "0", *words]
        env = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", **environment}
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


@pytest.fixture
def finished(write_studio_run: WriteStudioRun) -> Path:
    """A finished run of the quickstart's settings, without the weights."""
    run = write_studio_run("one")
    config = load_config("quickstart", ["experiment.name=one", "refine.dialogues=16"])
    (run / "final_model").mkdir()
    (run / "final_model" / "yoyak.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    return run


@pytest.fixture(scope="session")
def kept_search(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of four trials: one finished, one under way, one stopped at a pause, and one that was never started."""
    from src.search.costs import Spent, Units
    from src.search.space import search_space
    from src.search.study import SearchStudy

    folder = tmp_path_factory.mktemp("kept") / "found_search"
    folder.mkdir()
    (folder / "clock.json").write_text(json.dumps({"spent": 30.0, "since": 100.0, "seen": 190.0, "deadline": 600.0}))
    space = search_space(load_config("quickstart"))
    study = SearchStudy(f"sqlite:///{folder / 'search.db'}", "found", space, 0)
    study.refuse_another({"search.objective": "rouge_sum", "search.pauses": [0.25, 0.5]})
    drawn = study.draw() | {"training.learning_rate": 1e-3}
    units = Units(steps=10, step=1.0, evaluations=2, evaluation=1.0, prompt=0.1, token=0.01, tokens=20.0)
    assert [study.add(None, units), *(study.add(drawn, units) for _ in range(2))] == [0, 1, 2]
    assert study.add(drawn, units, "takes 99.0 GB of memory, more than there is") == 3
    study.measure(0, {0: -1.5, 1: 70.0}, Spent(begins=1, train=61.0, steps=10))
    study.measure(1, {0: -1.25}, Spent())
    study.measure(2, {0: -2.0}, Spent())
    run = folder / trial_name(0)
    run.mkdir()
    (run / "dev_scores.json").write_text(json.dumps({"scores": [80.0, 90.0], "unsupported_facts": 0.0}))
    study.finish(0, 85.0)
    study.lose(2)
    return folder


@pytest.fixture
def found(place: Place, kept_search: Path) -> Path:
    """That search among the runs of the place."""
    return Path(shutil.copytree(kept_search, place.runs / "found_search"))
