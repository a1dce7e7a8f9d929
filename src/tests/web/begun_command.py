"""A command that a studio has started and that has not yet written anything."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from src.web.place import Place
from src.web.processes import write_start


@contextmanager
def begun(place: Place, kind: str, about: str, words: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Let a process that only waits stand for `yoyak WORDS...`, written down as the studio writes down its own."""
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()", *words])
    try:
        write_start(place, "20300101-000000-00000000", kind, about, words, process.pid)
        yield process
    finally:
        process.kill()
        process.wait(10)
