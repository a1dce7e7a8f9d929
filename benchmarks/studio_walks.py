"""Random walks of clicks over all pages of the studio, in Chromium at /usr/bin/chromium.

    python benchmarks/studio_walks.py [--walks 2000] [--first 0] [--seed 23] [--every 100]

A walk begins at a random page and takes eight steps: clicks on whatever is seen, texts (ordinary and hostile) in
fields, keys, back, forward, reload, waiting, the other language, files that are brought. Commands that the pages start
are stand-ins that work for seconds (`src/tests/web/stand_in.py`): no model is trained. Every other walk finds a run, a
search and a model under way, and all find a queue. A fault is an answer of 500 or more, an error in the
page's or the studio's terminal, a page without its content or with an error's words, one that scrolls sideways, asks
another host or runs what was typed. Prints one JSON line, and the first faults on the standard error; exit code 1
where there are any. Walk N alone: `--first N --walks 1`.
"""

import argparse
import contextlib
import json
import os
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

from src.tests.web.walked_place import MINE, STARTS, WalkedPlace, end_stand_ins
from src.tests.web.walks import Walked, Walker

_LONGEST_WALK_SECONDS = 300
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
# The studio, but for the program that it starts.
STUDIO = """
import sys
from src.web import processes
processes.program = lambda: [sys.executable, "-m", "src.tests.web.stand_in", sys.argv[1]]
from src.cli import main
sys.exit(main(["studio", "--port", "0"]))
"""


@contextlib.contextmanager
def studio(folder: Path) -> Iterator[tuple[str, Path]]:
    """Start the studio in a folder; yields the address with the token, and the file of what it says in the terminal."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "YOYAK_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    said = folder / "terminal.log"
    with said.open("w") as terminal:
        process = subprocess.Popen(
            [sys.executable, "-c", STUDIO, str(folder / "made_of")],
            cwd=folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=terminal,
            text=True,
        )
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1], said
        finally:
            process.terminate()
            process.wait(20)
            end_stand_ins(folder)


def missed_routes(requests: set[tuple[str, str]]) -> list[str]:
    """Return the routes of the studio that no page asked for."""
    from src.web.app import create_studio
    from src.web.place import Place

    app = create_studio(Place(Path("outputs")), "x")._app
    missed = {f"{method} {route.path}": None for route in app.routes for method in sorted(route.methods)}
    for method, path in requests:  # the first route that matches answers
        found = (route for route in app.routes if method in route.methods and route.path_regex.match(path))
        if (reached := next(found, None)) is not None:
            missed.pop(f"{method} {reached.path}", None)
    return list(missed)


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
        place = WalkedPlace(folder)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        with studio(folder) as (address, said):
            page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-US")
            page.goto(address)
            base = address.partition("/?")[0]
            walker = Walker(page, base, STARTS, FILES, place.restock)
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
            place.end()
            terminal = [line for line in said.read_text().splitlines() if "failed" in line or "Traceback" in line]
            terminal_text = said.read_text()
    walked.server_errors += terminal
    if terminal:
        print(terminal_text[-4000:], file=sys.stderr)
    print(report(walked, given, began))
    return 1 if walked.faults else 0


if __name__ == "__main__":
    sys.exit(main())
