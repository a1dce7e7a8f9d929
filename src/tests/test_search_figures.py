"""`benchmarks/search_figures.py` where one of several workers fails: the others are ended, and its error is told."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIGURES = """
import os, sys, time
sys.path.insert(0, "benchmarks")
import search_figures

def search(folder, name, arguments):
    if name == "one":
        return
    try:
        (folder / "begun").open("x").close()
    except FileExistsError:
        (folder / f"{name}.{os.getpid()}.log").write_text("yoyak: unexpected error\\n")
        sys.exit(1)
    until = time.monotonic() + 20
    while time.monotonic() < until:  # files come while the folder is removed
        (folder / str(time.monotonic_ns())).touch()

search_figures._search = search
search_figures.write_project = search_figures.import_module = lambda *_: None
search_figures.result_of = lambda folder, name: {"trials": [{"stages": [0]}]}
sys.argv = ["search_figures.py", "workers", "--workers", "3"]
sys.exit(search_figures.main())
"""


def test_one_that_fails_ends_the_others_and_is_told(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", FIGURES]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    said = done.stderr.splitlines()
    assert (done.returncode, len(said)) == (1, 2)
    assert said[0] == "yoyak: unexpected error"
    assert said[1].startswith("several: process ")
    assert said[1].endswith(" has ended with 1")
    assert list(tmp_path.iterdir()) == []
