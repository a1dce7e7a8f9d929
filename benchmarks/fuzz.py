"""Fuzz the readers, the config loader and the server's schema: `fuzz.py [TARGET...] --seconds 600`.

Prints one JSON line a target: inputs tried, and crashes. Each target runs in a process of its own with 4 GiB of
address space, so that one that dies, fills the memory or hangs is a crash too. Inputs that crashed are kept in
outputs/fuzz/; each belongs into the table in src/tests/bad_inputs/. Exit code 1 where there was one.
"""

import argparse
import faulthandler
import itertools
import json
import logging
import os
import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

MEMORY_BYTES = 4 << 30
SLOWEST_SECONDS = 5
MEMORY_DISK = Path("/dev/shm")  # nosec B108 - a folder of its own is made there
INPUT = "tried"
"""File with the input that is tried, for when the process dies of it."""
BATCH = 200
VARIANTS = 20
"""Quick changes to each input that hypothesis makes, whose own take longer than reading the input."""


def main() -> int:
    """Fuzz the targets that are named, or all, one after the other."""
    from src.tests.bad_inputs.targets import TARGETS

    logging.getLogger("yoyak").addHandler(logging.NullHandler())  # else a line for each of a million inputs
    parser = argparse.ArgumentParser()
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS])
    parser.add_argument("--seconds", type=float, default=600, help="for each target")
    parser.add_argument("--seed", type=int, default=secrets.randbits(31))
    parser.add_argument("--here", metavar="FOLDER", help="one target, in this process and folder")
    arguments = parser.parse_args()
    if arguments.here:
        os.chdir(arguments.here)
        return fuzz(arguments.targets[0], TARGETS[arguments.targets[0]](), arguments.seconds, arguments.seed)
    crashes = [name for name in arguments.targets or TARGETS if fuzz_apart(name, arguments.seconds, arguments.seed)]
    return 1 if crashes else 0


def fuzz_apart(name: str, seconds: float, seed: int) -> bool:
    """Fuzz a target in another process; return whether it crashed."""
    with tempfile.TemporaryDirectory(dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None) as folder:
        options = ["--here", folder, "--seconds", str(seconds), "--seed", str(seed)]
        try:
            done = subprocess.run([sys.executable, __file__, name, *options], timeout=seconds + 120, check=False)
            code = done.returncode
        except subprocess.TimeoutExpired:
            code = -1
        if code not in (0, 1):
            report(name, 0, 0, seed, f"the process ended with {code}")
        if code:
            kept = ROOT / "outputs" / "fuzz" / f"{name}.input"
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(folder) / INPUT, kept)
    return code != 0


def fuzz(name: str, target: Any, seconds: float, seed: int) -> int:
    """Give a target inputs until the time is over or one crashes; return 1 where one did."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from hypothesis.strategies import integers

    from src.tests.bad_inputs.mutations import variants

    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    begun, tried, batch, crash = time.monotonic(), 0, 0, ""

    def one(data: bytes, number: int) -> None:
        nonlocal tried, crash
        for variant in [data, *itertools.islice(variants(data, number), VARIANTS)]:
            if time.monotonic() - begun > seconds or crash:
                return
            tried += 1
            Path(INPUT).write_bytes(variant)
            before = time.process_time()
            try:
                target.use(variant)
                took = time.process_time() - before
                assert took < SLOWEST_SECONDS, f"took {took:.0f} s"
            except Exception:
                crash = f"{variant!r:.1000}: {traceback.format_exc()[-3000:]}"

    inputs = given(target.inputs, integers(0, 1 << 30))
    how = {"max_examples": BATCH, "deadline": None, "database": None, "phases": [Phase.generate]}
    while time.monotonic() - begun < seconds and not crash:
        run: Callable[[], None] = seeded(seed + batch)(
            settings(**how, suppress_health_check=list(HealthCheck))(inputs(one))  # type: ignore[arg-type]
        )
        run()
        batch += 1
    report(name, tried, time.monotonic() - begun, seed, crash)
    return 1 if crash else 0


def report(name: str, tried: int, seconds: float, seed: int, crash: str) -> None:
    """Print a target's line."""
    line = {"target": name, "inputs": tried, "seconds": round(seconds), "seed": seed, "crashes": int(bool(crash))}
    print(json.dumps(line | ({"crash": crash} if crash else {})), flush=True)


if __name__ == "__main__":
    sys.exit(main())
