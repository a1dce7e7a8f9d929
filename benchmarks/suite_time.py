"""Processor seconds of the tests that `make test` runs, by folder of `src/tests`. Prints one JSON line.

Run from the repository root: `python benchmarks/suite_time.py [FOLDER...] [--longest 20]`; without folders all of them.
The tests run in this process one after the other, with one thread; the seconds are those of this process and of those
that it started and that have ended, in user and system mode, so that other work on the machine counts little. What
remains beside the tests is the import of pytest, torch and the tests themselves. Exit code 1 where a test fails.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = "src/tests/"


def cpu_seconds() -> float:
    """Seconds of this process and of its children that were waited for."""
    return sum(os.times()[:4])


class Times:
    """A plugin of pytest that keeps the seconds of each test, what its fixtures take included."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Time one test from the setup of its fixtures to their end."""
        before = cpu_seconds()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] += cpu_seconds() - before  # type: ignore[assignment]


def main() -> int:
    """Run the tests and print their seconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="*", help="of src/tests, or files in it; all by default")
    parser.add_argument("--longest", type=int, default=0, help="name so many tests, on standard error")
    options = parser.parse_args()
    os.chdir(ROOT)
    os.environ["OMP_NUM_THREADS"] = "1"
    times, start = Times(), time.perf_counter()
    named = [TESTS + folder for folder in options.folders] or [TESTS]
    arguments = ["-p", "no:cacheprovider", "-m", "not slow and not long and not gpu", *named]
    code = pytest.main(arguments, plugins=[times])
    by_folder: Counter[str] = Counter()
    for test, seconds in times.seconds.items():
        by_folder[str(Path(test.partition("::")[0]).parent.relative_to(TESTS))] += seconds  # type: ignore[assignment]
    for test, seconds in times.seconds.most_common(options.longest):
        print(f"{seconds:7.2f} {test.removeprefix(TESTS)}", file=sys.stderr)
    result = {
        "benchmark": "suite_time",
        "tests": len(times.seconds),
        "cpu_minutes": round(cpu_seconds() / 60, 2),
        "wall_minutes": round((time.perf_counter() - start) / 60, 2),
        "load_average": round(os.getloadavg()[0], 1),
        "beside_the_tests_seconds": round(cpu_seconds() - sum(times.seconds.values()), 1),
        "folder_seconds": {folder: round(seconds, 1) for folder, seconds in by_folder.most_common()},
    }
    print(json.dumps(result))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
