"""The folder that walks go over: runs, searches, files, a queue and what is under way, made anew where it is gone."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import yaml

from src.config.loader import load_config
from src.runs.holder import lock_holder
from src.tests.reports.conftest import METRICS, PREDICTIONS, RUN
from src.tests.reports.test_search_page import RECORD as SEARCHED
from src.web.place import Place
from src.web.processes import Processes, write_start
from src.web.searches import workers_of
from src.web.waiting import WaitingRuns

STARTS = (
    "/", "/?page=1", "/data", "/data/mine.csv", "/data/broken.jsonl", "/new", "/new?like=one", "/new?gpu=T4",
    "/runs/one", "/runs/going", "/runs/lost", "/runs/<b>&'%23 one", "/runs/one/summaries?beside=going",
    "/runs/one/export", "/runs/one/try", "/compare", "/compare?run=one&run=going", "/vote", "/vote?a=one&b=going",
    "/vote?a=one&b=one~before", "/settings", "/nope", "/runs/nope", "/queue", "/searches/new", "/searches/found_search",
    "/runs/one/refine", "/runs/working", "/runs/late", "/runs/later", "/searches/working_search",
    "/searches/stopped_search", "/queue", "/runs/one/report", "/searches/found_search/report",
)  # fmt: skip
MINE = "fname,dialogue,summary,topic\n" + "".join(
    f'{n},"A: At {n}?\nB: <b>Yes</b>, at {n}.",They meet at {n}.,"{"tea" if n % 3 else "<i>bus</i>"}"\n'
    for n in range(45)
)
_BROKEN = '{"dialogue": "A: x", "summary": "y"}\n[\n{"dialogue": 7}\n'
_RUNS: dict[str, dict[str, Any]] = {
    "one": {},
    "going": {
        "status": "interrupted", "ended": None,
        "command": "yoyak train --experiment smollm2_135m lora.r=4 experiment.name=going",
    },
    "lost": {"status": "running", "ended": None},
    "<b>&'# one": {"error": "<script>alert(1)</script>", "status": "failed"},
}  # fmt: skip
_KEPT_RUNS, _KEPT_FILES, _KEPT_WAITING = 20, 10, 8
_STAND_IN = "src.tests.web.stand_in"
_ROOT = Path(__file__).parents[3]


class WalkedPlace:
    """What walks begin with; every other walk finds a run, a search and a model under way."""

    def __init__(self, folder: Path) -> None:
        """Make it in `folder`, where the studio is started too."""
        self._folder, self._place = folder, Place(folder / "outputs")
        self._made_of = folder / "made_of"
        self._made_of.mkdir()
        (self._made_of / "run.json").write_text(json.dumps(RUN | {"status": "running"}))
        (self._made_of / "search.json").write_text(json.dumps(SEARCHED))
        self._at_work: dict[str, subprocess.Popen[bytes]] = {}
        self._walks = 0
        self.restock()

    def restock(self) -> None:
        """Write what isn't there (any more), and remove what earlier walks have made too much of."""
        self._walks += 1
        for name, changes in _RUNS.items():
            self._write_run(name, changes)
        self._write_searches()
        self._write_files()
        self._fill_queue()
        if self._walks % 2:
            self._begin("working", ["train", "--experiment", "quickstart", "experiment.name=working"])
            self._begin("working_search", ["search", "--experiment", "quickstart", "--deadline", "1h",
                                           "experiment.name=working"])  # fmt: skip
            self._serve()
        else:
            self.end()
        self._remove_surplus()

    def end(self) -> None:
        """End what works."""
        for process in self._at_work.values():
            process.terminate()
        for process in self._at_work.values():
            process.wait(20)
        self._at_work.clear()

    def _write_run(self, name: str, changes: dict[str, Any]) -> None:
        run = self._place.runs / name
        if (run / "run.json").is_file() or lock_holder(run) is not None:
            return
        rows = PREDICTIONS + [
            {"fname": f"d{n}", "topic": "tea" if n % 2 else "<i>x</i>", "dialogue": f"A: At {n}, Bora?\nB: Yes, {n}.",
             "summary": f"They meet at {n}.", "zero_shot": "No.", "fine_tuned": f"Bora comes at {n + 1}."}
            for n in range(25)
        ]  # fmt: skip
        its = [row | {"fine_tuned": f"{row['fine_tuned']} {name}"} for row in rows if "fine_tuned" in row]
        final = run / "final_model"
        final.mkdir(parents=True, exist_ok=True)
        config = load_config("quickstart", ["experiment.name=one"])
        (final / "yoyak.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
        (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in METRICS))
        (run / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in its))
        (run / "train.log").write_text("a line <b>of the log</b>\n")
        (run / "run.json").write_text(json.dumps(RUN | {"name": name} | changes))

    def _write_searches(self) -> None:
        """Write a search that is over, its winner in it, and one that was stopped and that the studio has begun."""
        clock = {"spent": 30.0, "since": 0.0, "seen": 90.0, "deadline": 600.0}
        for name, status in (("found_search", "ended"), ("stopped_search", "stopped")):
            folder = self._place.runs / name
            if (folder / "clock.json").is_file() or workers_of(folder):
                continue
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "clock.json").write_text(json.dumps(clock))
            record = SEARCHED | {"status": status, "run": f"outputs/{name}/trial_0001"}
            (folder / "search.json").write_text(json.dumps(record))
            (folder / "search.html").write_text("<!doctype html><html lang=en><title>x</title><main id=content></main>")
            if not (folder / "trial_0001").exists():
                shutil.copytree(self._place.runs / "one", folder / "trial_0001")
        words = ["search", "--experiment", "quickstart", "--deadline", "1h", "experiment.name=stopped"]
        if Processes(self._place).latest("stopped_search", "search") is None:
            write_start(self._place, "20200101-000000-00000000", "search", "stopped_search", words, 2**22)

    def _write_files(self) -> None:
        data = self._place.own / "data"
        data.mkdir(parents=True, exist_ok=True)
        for path in sorted(data.glob("*"))[:-_KEPT_FILES]:
            path.unlink() if path.is_file() else shutil.rmtree(path)
        for name, text in {"mine.csv": MINE, "broken.jsonl": _BROKEN}.items():
            if not (data / name).exists():
                (data / name).write_text(text)

    def _fill_queue(self) -> None:
        """Let two runs wait: one whose data is gone, which waits for ever, and one that begins when it can."""
        waiting = WaitingRuns(self._place)
        known = [one.about for one in waiting.all()]
        for name, more in (("late", ["data.train=gone.csv"]), ("later", [])):
            if name not in known and not (self._place.runs / name).exists():
                words = ["train", "--experiment", "quickstart", f"experiment.name={name}", *more]
                waiting.add(name, words, "Min")
        with waiting.changing() as runs:
            del runs[_KEPT_WAITING:]

    def _begin(self, name: str, words: list[str]) -> None:
        """Let a stand-in work for ever under a name, unless it does."""
        process = self._at_work.get(name)
        if process is not None and process.poll() is None:
            return
        command = [sys.executable, "-m", _STAND_IN, str(self._made_of), "--for-ever", *words]
        env = {**os.environ, "PYTHONPATH": str(_ROOT)}
        self._at_work[name] = subprocess.Popen(command, cwd=self._folder, env=env, stdout=subprocess.DEVNULL)

    def _serve(self) -> None:
        """Serve the trained model of the first run, as a studio before this one has left it."""
        process = self._at_work.get("serve")
        final = self._place.runs / "one" / "final_model"
        processes = Processes(self._place)
        served = processes.latest("one", "serve-tuned")
        if process is not None and process.poll() is None and served and served.began > final.stat().st_mtime:
            return
        if process is not None:
            process.terminate()
            process.wait(20)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        words = ["serve", "--adapter", str(final.relative_to(self._folder)), "--port", str(port), "--truncate"]
        self._begin("serve", words)
        key = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{self._walks:08x}"
        write_start(self._place, key, "serve-tuned", "one", words, self._at_work["serve"].pid)

    def _remove_surplus(self) -> None:
        """Remove the oldest of the runs and searches that walks have begun, and what of the queue began long ago."""
        with os.scandir(self._place.runs) as entries:
            found = [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
        known = {*_RUNS, "found_search", "stopped_search", *self._at_work}
        of_walks = [Path(entry.path) for entry in found if entry.name not in known]
        of_walks.sort(key=lambda path: path.stat().st_mtime)
        for folder in of_walks[:-_KEPT_RUNS]:
            if lock_holder(folder) is None and not workers_of(folder):
                shutil.rmtree(folder, ignore_errors=True)
        if lock_holder(self._place.runs / "later") is None:  # for the queue, once more
            shutil.rmtree(self._place.runs / "later", ignore_errors=True)


def end_stand_ins(folder: Path) -> None:
    """End what the walks have left at work in a folder."""
    for process in psutil.process_iter(["cmdline"]):
        with suppress(psutil.Error):
            if str(folder / "made_of") in (process.info["cmdline"] or []):
                process.terminate()
