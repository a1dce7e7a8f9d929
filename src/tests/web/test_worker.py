"""The process beside a studio's: it does not outlive it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from src.tests.web.test_runs_of_a_place import until

STUDIO = """
import asyncio, os, time
from src.web.worker import WORKER
if __name__ == "__main__":
    print(asyncio.run(WORKER.call(os.getpid)), flush=True)
    time.sleep(60)
"""


def test_a_worker_ends_with_a_studio_that_is_killed(tmp_path):
    (tmp_path / "studio.py").write_text(STUDIO)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    studio = subprocess.Popen([sys.executable, tmp_path / "studio.py"], env=env, stdout=subprocess.PIPE, text=True)
    assert studio.stdout is not None
    worker = Path(f"/proc/{studio.stdout.readline().strip()}")
    assert worker.exists()
    studio.send_signal(signal.SIGKILL)
    studio.communicate()
    until(lambda: not worker.exists())
