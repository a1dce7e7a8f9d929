"""A new storage that several open in the same moment."""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
OPENS = """
import sys, time
from src.search.study import SearchStudy
print("ready", flush=True)
for line in sys.stdin:
    url, moment = line.split()
    time.sleep(max(0, float(moment) - time.time()))
    SearchStudy(url, "found", {}, 0).add(None, None)
    print("opened", flush=True)
"""


def test_several_that_make_its_tables_together_all_open_it(tmp_path):
    """Without waiting for who makes them, of three on two cores two failed nearly each time."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    processes = [subprocess.Popen([sys.executable, "-c", OPENS], **pipes) for _ in range(3)]
    try:
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 3
        for number in range(4):
            for process in processes:
                process.stdin.write(f"sqlite:///{tmp_path}/{number}.db {time.time() + 0.05}\n")
                process.stdin.flush()
            assert [process.stdout.readline() for process in processes] == ["opened\n"] * 3
    finally:
        for process in processes:
            process.kill()
            process.communicate()
