"""What the mean of several runs' weights scores on `data.eval`, with the most likely summaries and otherwise.

    python benchmarks/average_gain.py RUN/final_model RUN2/final_model ... [--also KEY=VALUE ...]

First the first model, then the mean of the first two, of the first three and so on ("uniform soup", Wortsman et al.,
"Model soups", 2022), as `yoyak evaluate` scores them; with `--also` each once more by that setting, such as
`generation.no_repeat_ngram_size=8`. One JSON line each: ROUGE sum, how many summaries have no end, some of these.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from result_line import measured_at, print_line

from src.export.averaged import average_models


def main() -> None:
    """Average, score and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, help="adapters of one base, or whole models of one make")
    parser.add_argument("--also", nargs="+", default=[], help="settings, each tried by itself")
    parser.add_argument("--out", type=Path, help="file that the lines are added to")
    given = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds = {given.models[0]: 0.0}
        for count in range(2, len(given.models) + 1):
            began = time.perf_counter()
            mean = average_models(given.models[:count], Path(folder) / f"mean_{count}")
            seconds[mean] = round(time.perf_counter() - began, 2)
        for model, took in seconds.items():
            for setting in ("", *given.also):
                line = {"model": model.name if took else str(model), "setting": setting, "average_seconds": took}
                found = evaluated(model, Path(folder) / "predictions.jsonl", *([setting] if setting else []))
                print_line({"benchmark": "average_gain", **line, **found, **measured_at()}, given.out)


def evaluated(model: Path, predictions: Path, *settings: str) -> dict[str, object]:
    """Return what `yoyak evaluate` says of a model."""
    command = [sys.executable, "-m", "src.cli", "evaluate", "--adapter", str(model), "--json", "--no-facts"]
    command += ["--out", str(predictions), "--overwrite", *settings]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1:]}
    rows = [json.loads(line) for line in predictions.read_text(encoding="utf-8").splitlines()]
    without_end = [row["summary"] for row in rows if row.get("ended") is False]
    total = json.loads(done.stdout)["scores"]["rouge_sum"]
    return {"rouge_sum": total, "dialogues": len(rows), "without_end": len(without_end), "such": without_end[:3]}


if __name__ == "__main__":
    main()
