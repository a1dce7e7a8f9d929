"""Waiting for what another process brings about, however busy the machine is."""

import subprocess
import time
from collections.abc import Callable


def wait_until(process: subprocess.Popen[str], condition: Callable[[], object], seconds: float = 600.0) -> None:
    """Wait until something holds; else the process is killed, and the test fails with its code and what it printed."""
    end = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            out, err = process.communicate()
            said = (out or "") + (err or "")
            raise AssertionError(f"it did not come to hold, and the process ended with {process.returncode}: {said}")
        time.sleep(0.01)
