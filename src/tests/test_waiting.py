"""A wait for a process ends with it, and is no pass."""

import subprocess
import sys

import pytest

from src.tests.waiting import wait_until


def started(script):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-S", "-c", script], **pipes)


def test_a_process_that_ends_without_it_fails_at_once_with_what_it_said():
    with pytest.raises(AssertionError, match="ended with 2: yoyak: no such file"):
        wait_until(started("import sys; sys.stderr.write('yoyak: no such file'); sys.exit(2)"), lambda: False)


def test_a_process_that_never_does_it_is_killed():
    process = started("import time; time.sleep(600)")
    with pytest.raises(AssertionError, match="ended with -9"):
        wait_until(process, lambda: False, seconds=0.1)


def test_what_holds_lets_the_process_go_on(tmp_path):
    done = tmp_path / "done"
    with started(f"import time; open({str(done)!r}, 'w').close(); time.sleep(600)") as process:
        wait_until(process, done.exists)
        assert process.poll() is None
        process.kill()
