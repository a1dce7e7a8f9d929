"""The processes beside a studio's: its worker and the models that are tried do not outlive it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from src.tests.web.test_runs_of_a_place import until
from src.web.processes import Processes

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


def test_a_studio_in_the_background_of_a_script_ends_at_ctrl_c_as_in_front(folder):
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    begin = "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); runpy.run_module('src')"
    studio = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.argv[1:] = ['studio', '--port', '0']; {begin}"],
        cwd=folder, env=env, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert studio.stdout is not None
    assert httpx.get(studio.stdout.readline().split()[-1]).status_code == 303  # it serves
    studio.send_signal(signal.SIGINT)
    studio.communicate(timeout=20)
    assert studio.returncode == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_model_that_is_tried_ends_with_the_studio_and_a_run_goes_on(folder, place, monkeypatch, number):
    monkeypatch.setattr("src.web.processes.program", lambda: [sys.executable, "-c", "import time; time.sleep(60)"])
    started = Processes(place)
    model, run = started.start("serve-tuned", "one", ["serve"]), started.start("train", "two", ["train"])
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-m", "src", "studio", "--port", "0"]
    studio = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True)
    assert studio.stdout is not None
    assert httpx.get(studio.stdout.readline().split()[-1]).status_code == 303  # it serves
    studio.send_signal(number)
    studio.communicate(timeout=20)
    assert studio.returncode == 128 + number
    until(lambda: not started.is_running(model))
    assert started.is_running(run)
    started.stop(run)
