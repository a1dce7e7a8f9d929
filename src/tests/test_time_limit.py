"""A test that never ends fails, and those after it run; what hangs in C code ends with its process."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENDLESS = """
def test_endless():
    while True:
        pass

def test_waiting():
    import subprocess
    subprocess.run(["sleep", "100"])

def test_swallowing():
    while True:
        try:
            while True:
                pass
        except Exception:
            pass

def test_after():
    pass
"""
IN_C = """
def test_in_c():
    import ctypes
    mutex = ctypes.create_string_buffer(64)
    ctypes.CDLL(None).pthread_mutex_lock(mutex)
    ctypes.CDLL(None).pthread_mutex_lock(mutex)  # waits for itself, whatever signals come

def test_after():
    pass
"""

pytest.importorskip("pytest_timeout", reason="pytest-timeout is not installed")


def outcome_of(folder, content, *options):
    (folder / "test_it.py").write_text(content)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder)]
    arguments = ["-p", "no:cacheprovider", *options, str(folder / "test_it.py")]
    return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "workers",
    [pytest.param((), marks=pytest.mark.slow), pytest.param(("-n", "1"), marks=pytest.mark.long)],
    ids=["one process", "xdist"],
)
def test_what_never_ends_fails_and_the_others_run(tmp_path, workers):
    done = outcome_of(tmp_path, ENDLESS, "-o", "timeout=1", *workers)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "3 failed, 1 passed" in done.stdout
    assert done.stdout.count("Failed: Timeout (>1.0s) from pytest-timeout.") >= 3


@pytest.mark.slow
def test_what_hangs_in_c_ends_its_process_and_another_goes_on(tmp_path):
    done = outcome_of(tmp_path, IN_C, "-o", "timeout=1", "-o", "faulthandler_timeout=3", "-n", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 1 passed" in done.stdout
    assert "crashed while running 'test_it.py::test_in_c'" in done.stdout


def test_each_test_has_a_limit_and_long_ones_a_longer_one(request):
    assert request.config.getini("timeout") == "180"
    assert request.config.getini("timeout_method") == "signal"


@pytest.mark.slow
def test_a_slow_test_has_an_hour(request):
    assert request.node.get_closest_marker("timeout").args == (3600,)
