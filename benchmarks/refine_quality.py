"""From the raw model to a refined one, for some seeds: what refining and MBR gain on dev, and how long it took.

    python benchmarks/refine_quality.py --train data/dialogsum_en/train.jsonl --dev data/dialogsum_en/dev.jsonl \\
        --seeds 42 43 44 --minutes 10 --mbr 0.5 1.0 refine.facts_weight=10

Three epochs of `yoyak train` in steps of 40 dialogues, then `yoyak refine` for `--minutes`, with the settings at the
end. One JSON line a seed: ROUGE sum of the most likely summaries before and after, with facts and words, MBR of 16 at
each temperature, and the seconds of both commands. `--imitation RUN` begins with a run that is there.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from result_line import measured_at, print_line

IMITATION = (
    "--no-use_qlora",
    "--overwrite",
    "dataset.language=en",
    "evaluation.generate=true",
    "evaluation.stemmer=true",
    "tokenizer.decoder_max_len=120",
    "training.batch_size=40",
    "training.gradient_accumulation_steps=1",
    "training.gradient_checkpointing=auto",
    "training.eval_batch_size=64",
    "training.report_to=[]",
    "generation.batch_size=500",
)
FIGURES = ("reward", "score", "facts_kept", "facts_unsupported", "words", "ended")


def main() -> None:
    """Run each seed and print its line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, help="dialogues to train on")
    parser.add_argument("--dev", type=Path, help="dialogues to choose the best state on, and to score")
    parser.add_argument("--experiment", default="smollm2_135m")
    parser.add_argument("--imitation", type=Path, help="folder of a run to begin with, instead of training one")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42])
    parser.add_argument("--minutes", type=float, default=10.0, help="of refining")
    parser.add_argument("--mbr", type=float, nargs="*", default=[], help="temperatures to choose among 16 at")
    parser.add_argument("--folder", type=Path, default=Path("outputs/refine_quality"))
    parser.add_argument("--out", type=Path, help="file that the lines are added to")
    parser.add_argument("settings", nargs="*", help="KEY=VALUE of the refining")
    given = parser.parse_intermixed_args()
    if given.imitation is None and not (given.train and given.dev):
        parser.error("name --train and --dev, or --imitation")
    for seed in given.seeds:
        print_line(of_seed(given, seed) | measured_at(), given.out)


def of_seed(given: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Return the figures of one seed."""
    place, began, imitated = f"experiment.output_dir={given.folder}", given.imitation, None
    if began is None:
        name, began = f"imitated_{seed}", given.folder / f"imitated_{seed}"
        data = (f"data.train={given.train}", f"data.eval={given.dev}", f"training.seed={seed}")
        command = ("train", "--experiment", given.experiment, *IMITATION, *data, f"experiment.name={name}", place)
        imitated = seconds_of(*command)
    name = f"refined_{seed}"
    long = ("refine.steps=100000", f"refine.minutes={given.minutes:g}", "refine.patience=null")
    mine = (f"training.seed={seed}", f"experiment.name={name}", place)
    refined = seconds_of("refine", str(began), "--overwrite", *long, *given.settings, *mine)
    record = json.loads((given.folder / name / "run.json").read_text(encoding="utf-8"))
    first, best = (record["refine"][which] for which in ("start", "best"))
    return {
        "part": "refine_quality",
        "seed": seed,
        "settings": given.settings,
        "minutes": given.minutes,
        "steps": record["train"]["steps"],
        "best_step": best["step"],
        "before": {key: round(first[f"eval_{key}"], 4) for key in FIGURES},
        "after": {key: round(best[f"eval_{key}"], 4) for key in FIGURES},
        "mbr": {when: chosen(run, given.mbr) for when, run in (("before", began), ("after", given.folder / name))},
        "imitation_command_seconds": imitated,
        "refine_command_seconds": refined,
    }


def chosen(run: Path, temperatures: list[float]) -> dict[str, Any]:
    """Return what `mbr_gain.py` says of a run's model at each temperature."""
    found = {}
    for temperature in temperatures:
        options = ("--adapter", str(run / "final_model"), "--samples", "16", "--temperature", str(temperature))
        command = [sys.executable, str(ROOT / "benchmarks" / "mbr_gain.py"), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found[f"{temperature:g}"] = json.loads(done.stdout.splitlines()[-1])
    return found


def seconds_of(*arguments: str) -> float:
    """Run `yoyak` with arguments; return how long that took."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "src.cli", *arguments], cwd=ROOT, check=False, stdout=sys.stderr)
    if done.returncode:
        raise SystemExit(f"yoyak {arguments[0]} ended with exit code {done.returncode}")
    return round(time.perf_counter() - began, 1)


if __name__ == "__main__":
    main()
