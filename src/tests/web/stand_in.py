"""What stands for `yoyak` where walks start it: runs, searches and servers that work for seconds and learn nothing.

`python -m src.tests.web.stand_in FOLDER train|search|serve|... WORDS...`, in the folder over `outputs/`. FOLDER holds
`run.json` and `search.json`, of which the records are made. SIGTERM ends it as it ends the real ones.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from src.runs.lock import run_lock
from src.runs.record import now
from src.search.folder import NAMED_SEARCH
from src.search.workers import working

_LOADS_SECONDS, _WORKS_SECONDS, _OTHERS_SECONDS = 1.5, 6.0, 2.0
_FOR_EVER_SECONDS = 3600.0
_LOOK_SECONDS = 0.2


class Stopped(Exception):
    """SIGTERM came."""


def stop(*_: object) -> None:
    """Raise `Stopped`."""
    raise Stopped


def name_of(words: list[str]) -> str:
    """Return the name of the run that the words make."""
    named = [word.partition("=")[2] for word in words if word.startswith("experiment.name=")]
    usual = f"{Path(words[1]).name}_refined" if words[0] == "refine" else "unnamed"
    return named[-1] if named else usual


def train(made_of: Path, words: list[str], seconds: float) -> int:
    """Be a run: nothing for a while, then steps, and at the end a record that says so; now and then it fails."""
    time.sleep(0 if seconds == _FOR_EVER_SECONDS else _LOADS_SECONDS)
    folder = Path("outputs") / name_of(words)
    if len(folder.name) % 5 == 0 and "--resume" not in words:
        print(f"{folder}: there is <b>no</b> room")
        return 2
    with run_lock(folder):
        folder.mkdir(parents=True, exist_ok=True)
        record = json.loads((made_of / "run.json").read_text())
        record |= {"name": folder.name, "command": f"yoyak train --experiment quickstart experiment.name={folder.name}"}

        def write(status: str) -> None:
            ended = None if status == "running" else now()
            content = record | {"status": status, "started": now(), "ended": ended}
            (folder / ".new").write_text(json.dumps(content))
            os.replace(folder / ".new", folder / "run.json")

        def step(number: int) -> None:
            with (folder / "metrics.jsonl").open("a") as file:
                file.write(json.dumps({"step": number, "loss": 4 / number, "resident_bytes": 1e9 + number}) + "\n")
            with (folder / "train.log").open("a") as file:
                file.write(f"step {number} <i>of</i> many\n")

        write("running")
        write("completed" if _work(step, seconds) else "interrupted")
    return 0


def search(made_of: Path, words: list[str], seconds: float) -> int:
    """Be a search: its clock runs, and at the end there is a record."""
    folder = Path("outputs") / f"{name_of(words)}{NAMED_SEARCH}"
    folder.mkdir(parents=True, exist_ok=True)
    with working(folder):
        began = time.time()

        def tick(_: int) -> None:
            content = {"spent": 0.0, "since": began, "seen": time.time(), "deadline": 60.0}
            (folder / ".new").write_text(json.dumps(content))
            os.replace(folder / ".new", folder / "clock.json")

        tick(0)
        status = "ended" if _work(tick, seconds) else "stopped"
        record = json.loads((made_of / "search.json").read_text()) | {"status": status}
        (folder / "search.json").write_text(json.dumps(record))
    return 0


def _work(step: Callable[[int], None], seconds: float) -> bool:
    """Take steps for so long; tell whether that was to the end."""
    end, number = time.monotonic() + seconds, 0
    try:
        while time.monotonic() < end:
            number += 1
            step(number)
            time.sleep(_LOOK_SECONDS)
    except Stopped:
        return False
    return True


class _Answers(BaseHTTPRequestHandler):
    """What the studio asks of `yoyak serve`."""

    def do_GET(self) -> None:
        self._answer([b"{}"], "application/json")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        events = [{"choices": [{"delta": {"content": part}}]} for part in ("They <b>meet</b> ", "at five.")]
        events.append({"choices": [], "usage": {"completion_tokens": 6}, "truncation": {"tokens_cut": 3}})
        self._answer([f"data: {json.dumps(event)}\n\n".encode() for event in events], "text/event-stream")

    def _answer(self, parts: list[bytes], kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(sum(map(len, parts))))
        self.end_headers()
        with suppress(ConnectionError):  # who asked has gone
            for part in parts:
                self.wfile.write(part)
                time.sleep(_LOOK_SECONDS if len(parts) > 1 else 0)

    def log_message(self, *_: object) -> None:
        pass


def serve(_: Path, words: list[str], seconds: float) -> int:
    """Be a server that has loaded its model after a while."""
    time.sleep(0 if seconds == _FOR_EVER_SECONDS else _LOADS_SECONDS)
    with HTTPServer(("127.0.0.1", int(words[words.index("--port") + 1])), _Answers) as server:
        server.serve_forever()
    return 0


def main() -> int:
    """Do as the words say; `for ever` before them works until SIGTERM."""
    made_of, words = Path(sys.argv[1]), sys.argv[2:]
    seconds = _WORKS_SECONDS
    if words[0] == "--for-ever":
        seconds, words = _FOR_EVER_SECONDS, words[1:]
    print("yoyak", *words, flush=True)
    signal.signal(signal.SIGTERM, stop)
    kinds = {"train": train, "refine": train, "search": search, "serve": serve}
    try:
        if words[0] in kinds:
            return kinds[words[0]](made_of, words, seconds)
        time.sleep(_OTHERS_SECONDS)
    except Stopped:
        return 128 + signal.SIGTERM
    return 0


if __name__ == "__main__":
    sys.exit(main())
