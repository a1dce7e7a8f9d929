"""Several processes on one search."""

import subprocess
import sys
from pathlib import Path

from src.search.workers import is_free

ROOT = Path(__file__).resolve().parents[3]
WORKER = """
import sys
from pathlib import Path
from src.search.workers import deciding, working
folder = Path(sys.argv[1])
with working(folder) as worker:
    print(worker.name, flush=True)
    input()
    with deciding(folder):
        print(worker.is_last(), flush=True)
    input()
"""


def test_of_two_that_end_together_one_is_the_last(tmp_path):
    """The second asks while the first, which has left the search to it, is still on its way out."""
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    workers = [subprocess.Popen(command, **pipes) for _ in range(2)]
    names = [worker.stdout.readline().strip() for worker in workers]
    assert [is_free(tmp_path, name) for name in names] == [False, False]
    found = []
    for worker in workers:
        worker.stdin.write("\n")
        worker.stdin.flush()
        found.append(worker.stdout.readline().strip())
    assert found == ["False", "True"]
    assert [is_free(tmp_path, name) for name in names] == [True, False]
    for worker in workers:
        worker.communicate("\n")
        assert worker.returncode == 0
    assert [is_free(tmp_path, name) for name in names] == [True, True]
