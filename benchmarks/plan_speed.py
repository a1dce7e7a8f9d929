"""How long `yoyak plan` takes, as a user waits for it: with lengths cached, and cold on the shipped sample.

    python benchmarks/plan_speed.py [--tokenizer DIR]

Each is the shortest of five new processes; cold ones find no lengths in `$YOYAK_HOME`. Lengths are counted by the
bundled model's tokenizer, or by that of DIR. Prints one JSON line with the processor time beside the wall time.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from src.planner.shapes import _SHIPPED
from src.resources import yoyak_home

COMMAND = [sys.executable, "-m", "src.cli", "plan", "--gpu", "H100", "--json"]
DATA = ["data.train=sample:ko/train.csv", "data.eval=sample:ko/dev.csv"]
TIMES = 5


def shortest(arguments: list[str], home: Path, cold: bool) -> tuple[float, float]:
    """Return wall and processor seconds of several runs, the shortest of each."""
    best = processor = float("inf")
    for _ in range(TIMES):
        if cold:
            shutil.rmtree(home / "lengths", ignore_errors=True)
        start, before = time.perf_counter(), _children()
        subprocess.run([*COMMAND, *arguments], cwd=ROOT, env={**os.environ, "YOYAK_HOME": str(home)}, check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        best, processor = min(best, time.perf_counter() - start), min(processor, _children() - before)
    return round(best, 3), round(processor, 3)


def _children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path, help="folder with a Llama 3 tokenizer.json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home, model = Path(folder) / "home", Path(folder) / "model"
        (home / "models").mkdir(parents=True)
        arguments = [*DATA, "-e", "smollm2_135m"]
        if given.tokenizer:
            model.mkdir()
            shapes = json.loads(_SHIPPED.read_text(encoding="utf-8"))
            (model / "config.json").write_text(json.dumps(shapes["Bllossom/llama-3.2-Korean-Bllossom-3B"]))
            shutil.copy(given.tokenizer / "tokenizer.json", model)
            arguments = [*DATA, f"model.checkpoint={model}"]
        else:
            for found in (yoyak_home() / "models").glob("smollm2-135m-*"):
                (home / "models" / found.name).symlink_to(found)
        cold, cached = (shortest(arguments, home, cold) for cold in (True, False))
    line = {"cold_s": cold[0], "cached_s": cached[0], "cold_processor_s": cold[1], "cached_processor_s": cached[1]}
    print(json.dumps(line | {"load_average": round(os.getloadavg()[0], 1), "cpus": os.cpu_count()}))


if __name__ == "__main__":
    main()
