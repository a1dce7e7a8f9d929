"""Random walks of clicks over all pages of the studio, in Chromium at /usr/bin/chromium.

    python benchmarks/studio_walks.py [--walks 2000] [--first 0] [--seed 23] [--every 100]

A walk begins at a random page and takes eight steps: clicks on whatever is seen, texts (ordinary and hostile) in
fields, keys, back, forward, reload, the other language, files that are brought. Commands that the pages start are
stand-ins that print their words and end: no model is trained. A fault is an answer of 500 or more, an error in the
page's or the studio's terminal, a page without its content or with an error's words, one that scrolls sideways, asks
another host or runs what was typed. Prints one JSON line, and the first faults on the standard error; exit code 1
where there are any. Walk N alone: `--first N --walks 1`.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from src.tests.reports.conftest import METRICS, PREDICTIONS, RUN
from src.tests.reports.test_search_page import RECORD as SEARCHED
from src.tests.web.walks import Walked, Walker

_LONGEST_WALK_SECONDS = 300
STARTS = (
    "/", "/?page=1", "/data", "/data/mine.csv", "/data/broken.jsonl", "/new", "/new?like=one", "/new?gpu=T4",
    "/runs/one", "/runs/going", "/runs/lost", "/runs/<b>&'%23 one", "/runs/one/summaries?beside=going",
    "/runs/one/export", "/runs/one/try", "/compare", "/compare?run=one&run=going", "/vote", "/vote?a=one&b=going",
    "/vote?a=one&b=one~before", "/settings", "/nope", "/runs/nope", "/queue", "/searches/new", "/searches/found",
    "/runs/one/refine",
)  # fmt: skip
MINE = "fname,dialogue,summary,topic\n" + "".join(
    f'{n},"A: At {n}?\nB: <b>Yes</b>, at {n}.",They meet at {n}.,"{"tea" if n % 3 else "<i>bus</i>"}"\n'
    for n in range(45)
)
FILES: list[dict[str, Any]] = [
    {"name": "a.csv", "mimeType": "text/csv", "buffer": MINE.encode()},
    {
        "name": "나의 대화.tsv",
        "mimeType": "text/csv",
        "buffer": "dialogue\tsummary\n민수: 안녕\t인사\n".encode("cp949"),
    },
    {"name": "b.jsonl", "mimeType": "text/plain", "buffer": b'{"dialogue": "A: x", "summary": "y"}\n{"broken\n'},
    {"name": "empty.csv", "mimeType": "text/csv", "buffer": b""},
    {"name": "no.exe", "mimeType": "text/csv", "buffer": b"MZ"},
    {"name": "zeros.parquet", "mimeType": "text/csv", "buffer": bytes(5000)},
    {"name": "<svg onload=alert(1)>.json", "mimeType": "text/csv", "buffer": b'[{"dialogue": 7}, [[[[]]]]]'},
]
# The studio, but for the program that it starts: one that prints its words and ends.
STUDIO = """
import sys
from src.web import processes
stand_in = "echo \\"$0 $@\\"; case $1 in serve) sleep 5;; *) sleep 0.3;; esac"
processes.program = lambda: ["/bin/sh", "-c", stand_in, "yoyak"]
from src.cli import main
sys.exit(main(["studio", "--port", "0"]))
"""


def restock(folder: Path, force: bool = False) -> None:
    """Write the runs and files that aren't there (any more)."""
    outputs = folder / "outputs"
    rows = PREDICTIONS + [
        {"fname": f"d{n}", "topic": "tea" if n % 2 else "<i>x</i>", "dialogue": f"A: At {n}, Bora?\nB: Yes, {n}.",
         "summary": f"They meet at {n}.", "zero_shot": "No.", "fine_tuned": f"Bora comes at {n + 1}."}
        for n in range(25)
    ]  # fmt: skip
    for name, changes in {
        "one": {},
        "going": {"status": "interrupted", "ended": None, "command": "yoyak train --experiment smollm2_135m lora.r=4"},
        "lost": {"status": "running", "ended": None},
        "<b>&'# one": {"error": "<script>alert(1)</script>", "status": "failed"},
    }.items():
        run = outputs / name
        if (run / "run.json").is_file():
            continue
        run.mkdir(parents=True, exist_ok=True)
        (run / "final_model").mkdir(exist_ok=True)
        its = [row | {"fine_tuned": f"{row['fine_tuned']} {name}"} for row in rows if "fine_tuned" in row]
        (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in METRICS))
        (run / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in its))
        (run / "train.log").write_text("a line <b>of the log</b>\n")
        (run / "run.json").write_text(json.dumps(RUN | {"name": name} | changes))
    search = outputs / "found"
    search.mkdir(exist_ok=True)
    (search / "search.json").write_text(json.dumps(SEARCHED))
    (search / "clock.json").write_text(json.dumps({"spent": 30.0, "since": 0.0, "seen": 90.0, "deadline": 600.0}))
    data = outputs / ".studio" / "data"
    data.mkdir(parents=True, exist_ok=True)
    brought = sorted(data.glob("*"))
    for path in brought[:-10]:
        path.unlink() if path.is_file() else shutil.rmtree(path)
    for name, text in {
        "mine.csv": MINE,
        "broken.jsonl": '{"dialogue": "A: x", "summary": "y"}\n[\n{"dialogue": 7}\n',
    }.items():
        if not (data / name).exists():
            (data / name).write_text(text)


@contextlib.contextmanager
def studio(folder: Path) -> Iterator[tuple[str, Path]]:
    """Start the studio in a folder; yields the address with the token, and the file of what it says in the terminal."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "YOYAK_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    said = folder / "terminal.log"
    with said.open("w") as terminal:
        process = subprocess.Popen(
            [sys.executable, "-c", STUDIO], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=terminal, text=True
        )
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1], said
        finally:
            process.terminate()
            process.wait(20)


def missed_routes(requests: set[tuple[str, str]]) -> list[str]:
    """Return the routes of the studio that no page asked for."""
    from src.web.app import create_studio
    from src.web.place import Place

    app = create_studio(Place(Path("outputs")), "x")._app
    missed = []
    for route in app.routes:
        for method in sorted(route.methods):
            if not any(method == one and route.path_regex.match(path) for one, path in requests):
                missed.append(f"{method} {route.path}")
    return missed


def report(walked: Walked, given: argparse.Namespace, began: float) -> str:
    """Return what came of the walks, as a line of JSON."""
    found = {
        "walks": walked.walks, "clicks": walked.clicks, "pages_looked_at": walked.pages.total(),
        "kinds_of_pages": len(walked.pages), "routes_missed": missed_routes(walked.requests),
        "server_errors": len(walked.server_errors), "console_errors": len(walked.console_errors),
        "broken_pages": len(walked.broken_pages), "seed": given.seed, "first": given.first,
        "seconds": round(time.perf_counter() - began),
    }  # fmt: skip
    return json.dumps(found)


def main() -> int:
    """Walk and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--walks", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=23)
    parser.add_argument("--every", type=int, default=100, help="say so often on the standard error how far it is")
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    began = time.perf_counter()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, sync_playwright() as playwright:
        folder = Path(name)
        restock(folder)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        with studio(folder) as (address, said):
            page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-US")
            page.goto(address)
            base = address.partition("/?")[0]
            walker = Walker(page, base, STARTS, FILES, lambda: restock(folder))
            walked = walker.walked
            ended: list[int] = []

            def end(number: int, _: object) -> None:
                ended.append(number)
                print(f"told to end after {walker.trail}", file=sys.stderr, flush=True)

            def give_up(number: int, _: object) -> None:
                print(f"nothing came for {_LONGEST_WALK_SECONDS} s after {walker.trail}", file=sys.stderr, flush=True)
                print(report(walked, given, began), flush=True)
                os._exit(1)

            signal.signal(signal.SIGTERM, end)  # after this walk
            signal.signal(signal.SIGALRM, give_up)
            for walk in range(given.first, given.first + given.walks):
                known = len(walked.faults)
                signal.alarm(_LONGEST_WALK_SECONDS)
                walker.walk(f"{given.seed}/{walk}")
                for fault in walked.faults[known:][:3]:
                    print(fault, file=sys.stderr, flush=True)
                if walked.walks % given.every == 0:
                    took = time.perf_counter() - began
                    print(
                        f"{walked.walks} walks, {len(walked.faults)} faults, {took:.0f} s", file=sys.stderr, flush=True
                    )
                if ended:
                    break
            signal.alarm(0)
            browser.close()
            terminal = [line for line in said.read_text().splitlines() if "failed" in line or "Traceback" in line]
            terminal_text = said.read_text()
    walked.server_errors += terminal
    if terminal:
        print(terminal_text[-4000:], file=sys.stderr)
    print(report(walked, given, began))
    return 1 if walked.faults else 0


if __name__ == "__main__":
    sys.exit(main())
