"""What the studio takes and how fast it answers, in Chromium at /usr/bin/chromium.

    python benchmarks/studio.py [--turns 200] [--runs 1000] [--rows 100000] [--skip NAME ...]

Measures, each by the studio in a process of its own over a folder that is made for it: turning a setting to the plan
redrawn (ms, the browser's clock), a step logged to the curve on the page (ms), the processor's
share that a watched run takes, the first view of each page (ms, bytes,
requests to other hosts), a folder of many runs listed (ms), a file of many rows checked and paged (s, peak memory of
the studio's processes), findings of axe-core (serious and critical) and memory when idle. Prints one JSON line.
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

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PAGES = [
    "/",
    "/data",
    "/new",
    "/queue",
    "/searches/new",
    "/runs/run-1",
    "/runs/run-1/refine",
    "/compare",
    "/vote",
    "/settings",
    "/runs/run-1/summaries",
    "/runs/run-1/export",
]
RECORD = {
    "yoyak": "0.1.0", "status": "completed", "command": "yoyak train --experiment smollm2_135m",
    "started": "2026-11-24T12:00:00+00:00", "ended": "2026-11-24T13:00:00+00:00",
    "config": {"model": {"checkpoint": "bundled:smollm2-135m"}, "training": {"max_steps": 400}},
    "scores": {"zero_shot": {"rouge_sum": 40.0}, "fine_tuned": {"rouge_sum": 80.0}},
}  # fmt: skip
# From the event to the frame after the plan has changed, in the page.
TURN = """([name, value]) => new Promise((done) => {
  const field = document.getElementById(name), plan = document.getElementById("plan");
  const began = performance.now();
  document.addEventListener("htmx:afterSettle", function seen(event) {
    if (event.target !== plan || !document.getElementById("command").innerText.includes(`${name}=${value}`)) return;
    document.removeEventListener("htmx:afterSettle", seen);
    requestAnimationFrame(() => done(performance.now() - began));
  });
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
})"""
VIEW = """() => {
  const seen = performance.getEntriesByName("first-contentful-paint")[0];
  const page = performance.getEntriesByType("navigation")[0];
  const files = performance.getEntriesByType("resource");
  const bytes = files.reduce((sum, file) => sum + file.encodedBodySize, page.encodedBodySize);
  return { ms: seen ? seen.startTime : page.domContentLoadedEventEnd, bytes };
}"""


@contextlib.contextmanager
def studio(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Start a studio in a folder; yields the address with the token, and the process."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "YOYAK_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "src", "studio", "--port", "0"]
    process = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1], psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def write_runs(folder: Path, count: int) -> None:
    """Write so many run folders, each with a record, 400 steps and 20 dialogues."""
    steps = "".join(json.dumps({"step": n, "loss": 3 / n, "learning_rate": 1e-3}) + "\n" for n in range(1, 401))
    rows = "".join(
        json.dumps({"fname": str(n), "dialogue": f"A: At {n}?\nB: Yes.", "summary": f"At {n}.", "zero_shot": "no",
                    "fine_tuned": f"At {n}."}) + "\n"
        for n in range(20)
    )  # fmt: skip
    for number in range(1, count + 1):
        run = folder / "outputs" / f"run-{number}"
        run.mkdir(parents=True)
        (run / "run.json").write_text(json.dumps(RECORD | {"name": run.name}))
        (run / "metrics.jsonl").write_text(steps)
        (run / "predictions.jsonl").write_text(rows)
        (run / "final_model").mkdir()


def percentile(values: list[float], share: float) -> float:
    """Return a percentile by nearest rank."""
    return round(sorted(values)[min(len(values) - 1, int(share * len(values)))], 1)


def measure_turns(page: Any, base: str, turns: int) -> dict[str, float]:
    """Turn settings so often; return median and 95th percentile in ms."""
    page.goto(f"{base}/new?experiment=qwen3_4b&gpu=RTX 4090")
    page.wait_for_selector("#command")
    page.wait_for_timeout(1500)
    times = []
    for turn in range(turns):
        name = ["training.epochs", "lora.r", "tokenizer.encoder_max_len"][turn % 3]
        value = str({"training.epochs": 2, "lora.r": 17, "tokenizer.encoder_max_len": 600}[name] + turn)
        times.append(page.evaluate(TURN, [name, value]))
        page.wait_for_timeout(50)
    return {"turn_p50_ms": percentile(times, 0.5), "turn_p95_ms": percentile(times, 0.95)}


def measure_step(page: Any, base: str, folder: Path) -> dict[str, float]:
    """Log steps; return the longest time in ms until the page shows one."""
    page.goto(f"{base}/runs/run-2")
    page.wait_for_selector(".uplot")
    times = []
    for number in range(10):
        began = time.perf_counter()
        with (folder / "outputs/run-2/metrics.jsonl").open("a") as file:
            file.write(json.dumps({"step": 500 + number, "loss": 7 + number / 100}) + "\n")
        page.locator("figure.wide output", has_text=f"{7 + number / 100:g}").wait_for()
        times.append(1000 * (time.perf_counter() - began))
    return {"step_to_curve_max_ms": round(max(times), 1)}


def measure_watching(
    page: Any, base: str, process: psutil.Process, folder: Path, seconds: int = 20
) -> dict[str, float]:
    """Watch a run that logs a step a second; return the studio's share of two cores in percent."""
    page.goto(f"{base}/runs/run-3")
    page.wait_for_selector(".uplot")
    page.wait_for_timeout(3000)
    before, began = sum(process.cpu_times()[:2]), time.perf_counter()
    for number in range(seconds):
        with (folder / "outputs/run-3/metrics.jsonl").open("a") as file:
            file.write(json.dumps({"step": 500 + number, "loss": 1.0}) + "\n")
        page.wait_for_timeout(1000)
    used = sum(process.cpu_times()[:2]) - before
    return {"watching_percent_of_2_cores": round(50 * used / (time.perf_counter() - began), 2)}


def measure_views(browser: Any, address: str, base: str) -> dict[str, Any]:
    """Open each page for the first time; return the slowest, the heaviest, and requests to other hosts."""
    slowest, heaviest, foreign = 0.0, 0, 0
    for path in PAGES:
        context = browser.new_context()
        page = context.new_page()
        page.goto(address)
        context.clear_cookies(name="nothing")
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(f"{base}{path}")
        page.wait_for_timeout(700)
        view = page.evaluate(VIEW)
        slowest, heaviest = max(slowest, view["ms"]), max(heaviest, view["bytes"])
        foreign += sum(not url.startswith((base, "data:")) for url in asked)
        context.close()
    return {"first_view_max_ms": round(slowest, 1), "page_max_bytes": heaviest, "requests_to_other_hosts": foreign}


def measure_file(page: Any, base: str, process: psutil.Process, rows: int) -> dict[str, float]:
    """Bring a file of so many rows, and page through it."""
    import httpx

    cookie = next(one["value"] for one in page.context.cookies() if one["name"] == "yoyak_studio")
    row = "Person {n}: " + "we talk about the plan for the trip and the weather " * 8
    body = "fname,dialogue,summary\n" + "".join(
        f'{n},"{row.format(n=n)}\nB: Yes, and at {n} we go.",They talk of {n}.\n' for n in range(rows)
    )
    with httpx.Client(base_url=base, cookies={"yoyak_studio": cookie}, headers={"origin": base}, timeout=120) as client:
        began, peak = time.perf_counter(), 0
        address = client.post("/data?name=many.csv", content=body.encode()).json()["address"]
        with _watched(process) as peak_of:
            assert f"{rows:,}" in client.get(address).text
            checked = time.perf_counter() - began
            began = time.perf_counter()
            assert client.get(f"{address}?page={rows // 40}").status_code == 200
            paged = time.perf_counter() - began
        peak = peak_of()
    return {"file_checked_s": round(checked, 2), "file_page_s": round(paged, 3), "file_peak_mb": round(peak / 1e6)}


@contextlib.contextmanager
def _watched(process: psutil.Process) -> Iterator[Any]:
    import threading

    peak, over = 0, threading.Event()

    def look() -> None:
        nonlocal peak
        while not over.wait(0.05):
            peak = max(peak, memory_of(process))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield lambda: peak
    finally:
        over.set()
        thread.join()


def memory_of(process: psutil.Process) -> int:
    """Return the memory in bytes that a process and those below it hold alone (USS)."""
    total = 0
    for one in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            total += one.memory_full_info().uss
    return total


def measure_axe(browser: Any, address: str, base: str) -> dict[str, int]:
    """Look at all pages in both languages, light and dark, narrow and wide; return serious and critical findings."""
    from axe_playwright_python.sync_playwright import Axe

    found = looked = 0
    for language in ("en-US", "ko-KR"):
        for scheme in ("light", "dark"):
            for width in (360, 1600):
                context = browser.new_context(
                    viewport={"width": width, "height": 900}, locale=language, color_scheme=scheme
                )
                page = context.new_page()
                page.goto(address)
                for path in PAGES:
                    page.goto(f"{base}{path}")
                    page.wait_for_timeout(400)
                    violations = Axe().run(page).response["violations"]
                    found += sum(one["impact"] in ("serious", "critical") for one in violations)
                    looked += 1
                context.close()
    return {"axe_serious_or_critical": found, "axe_pages_looked_at": looked}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--skip", nargs="*", default=[], choices=["turns", "step", "watch", "views", "file", "axe"])
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    figures: dict[str, Any] = {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        write_runs(folder, given.runs)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        with studio(folder) as (address, process):
            base = address.partition("/?")[0]
            page = browser.new_page()
            page.goto(address)
            figures["idle_mb"] = round(memory_of(process) / 1e6)
            listed = []
            for _ in range(5):
                began = time.perf_counter()
                page.goto(f"{base}/")
                listed.append(1000 * (time.perf_counter() - began))
            figures |= {"runs": given.runs, "listed_ms": round(min(listed), 1)}
            figures |= measure_turns(page, base, given.turns) if "turns" not in given.skip else {}
            figures |= measure_step(page, base, folder) if "step" not in given.skip else {}
            figures |= measure_watching(page, base, process, folder) if "watch" not in given.skip else {}
            figures |= measure_views(browser, address, base) if "views" not in given.skip else {}
            figures |= measure_file(page, base, process, given.rows) if "file" not in given.skip else {}
            figures |= measure_axe(browser, address, base) if "axe" not in given.skip else {}
        browser.close()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
