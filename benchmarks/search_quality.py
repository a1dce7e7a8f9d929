"""What `yoyak search` finds: against the config as it is, and against random search in the same minutes.

    python benchmarks/search_quality.py gain [--deadline 20m] [--choose-on N] [--test FILE] [--out FILE] [KEY=VALUE ...]
    python benchmarks/search_quality.py random --deadline 15m --seeds 0 1 2 [--data FOLDER | --tiny] [KEY=VALUE ...]

`gain`: one search of the quickstart (two CPU cores); its winner and the config as it is on 100 dialogues of DialogSum's
dev that nothing was chosen on; chosen on the sample's own 20 or, by `--choose-on`, on N others of DialogSum's dev.
`random`: for each seed a search of imitation alone, with averages of its trials, and random search: trials drawn at
random, each trained to its end, and the best one taken. `--ways` names one of them, or `random_averaged`, random search
with our averages. Trials are chosen on 500 dialogues of DialogSum's train, and the winner reported on its dev (a GPU;
`--tiny` takes a random model of two layers). Each prints one JSON line, and ends with 1 where the issue's figure is
missed.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from result_line import measured_at, print_line
from search_figures import write_project

DIALOGSUM = ROOT.parent / "shared" / "data" / "dialogsum_en"
GAIN, OVER_RANDOM, REACHED = 3.0, 1.0, 108.0
LATE_SHARE = 0.02
CHOSEN_ON = 500  # dialogues of DialogSum's train
RANDOM = ("search.sampler=random", "search.pauses=[]")
AVERAGED = ("search.additions=[average]",)
PLAIN = (*RANDOM, "search.additions=[]", "search.equal_within=0")
WAYS = {"search": AVERAGED, "random": PLAIN, "random_averaged": (*RANDOM, *AVERAGED)}
OF_DIALOGSUM = (
    "dataset.language=en", "evaluation.stemmer=true", "tokenizer.decoder_max_len=120", "lora.use_qlora=false",
    "training.batch_size=40", "training.gradient_accumulation_steps=1", "training.gradient_checkpointing=auto",
    "training.eval_batch_size=64",
)  # fmt: skip


def main() -> int:
    """Search, print and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("gain", "random"))
    parser.add_argument("--deadline", default="20m", help="of each search")
    parser.add_argument("--choose-on", type=int, default=0, metavar="N", help="dialogues of DialogSum's dev")
    parser.add_argument("--test", type=Path, help="dialogues to report on, instead of 100 of DialogSum's dev")
    parser.add_argument(
        "--data", type=Path, default=DIALOGSUM, help="folder with DialogSum's train.jsonl and dev.jsonl"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["search", "random"])
    parser.add_argument("--tiny", action="store_true", help="try the command on a random model of two layers")
    parser.add_argument("--folder", type=Path, help="where the searches stay; a temporary folder if not")
    parser.add_argument("--out", type=Path, help="file to which the line is appended")
    parser.add_argument("settings", nargs="*", help="KEY=VALUE of all searches")
    given = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory(prefix="search.") as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = gain(folder, given) if given.what == "gain" else against_random(folder, given)
    line = {"benchmark": f"search_{given.what}", **measured_at(), "cores": len(os.sched_getaffinity(0)), **found}
    print_line(line, given.out)
    return 0 if found["kept"] else 1


def gain(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Search from the quickstart's settings; the winner and they on dialogues that nothing was chosen on."""
    parts = write_dev(folder, given.data, given.choose_on)
    test = (given.test or parts["test"]).absolute()
    if given.tiny:
        write_project(folder)
    experiment = "tiny.yaml" if given.tiny else "quickstart"
    data = () if given.tiny else (f"data.test={test}",)
    data = (*data, f"data.eval={parts['eval'].absolute()}") if given.choose_on else data
    record, seconds = search(folder, experiment, given.deadline, *data, *given.settings)
    scored, deadline = record["test"], record["deadline_seconds"]
    late = seconds / deadline - 1
    difference = scored.get("gain", {"difference": 0.0, "low": 0.0, "high": 0.0})
    begun = [trial for trial in record["trials"] if trial["state"] != "refused"]
    return {
        "dialogues": scored["dialogues"],
        "chosen_on": record["dev"]["dialogues"],
        "winner": round(scored["score"], 2),
        "config": round(scored.get("as_it_is", scored["score"]), 2),
        **{name: round(difference[name], 2) for name in ("difference", "low", "high")},
        "together": round(scored["together"]["score"], 2) if "together" in scored else None,
        "dev": {"winner": round(record["score"], 2), "config": round(record["trials"][0]["score"], 2)},
        "run": Path(record["run"]).name,
        "added": [[line["label"], line["kept"], line["score"], line["reason"]] for line in record["additions"]],
        "trials": len(begun),
        "to_the_end": sum(trial["state"] == "finished" for trial in begun),
        "minutes": round(seconds / 60, 2),
        "late": late > LATE_SHARE,
        "kept": difference["difference"] >= GAIN and late <= LATE_SHARE,
    }


def against_random(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Search with each seed, in each of the ways."""
    if given.tiny:
        write_project(folder)
        experiment, common = "tiny.yaml", ()
    else:
        experiment, common = "smollm2_135m", (*OF_DIALOGSUM, *write_dialogsum(folder, given.data))
    scores: dict[str, list[float]] = {way: [] for way in given.ways}
    trials: dict[str, list[int]] = {way: [] for way in given.ways}
    late = []
    for seed in given.seeds:
        for way in given.ways:
            named = (f"experiment.name={way}_{seed}", f"search.seed={seed}", f"training.seed={seed}")
            record, seconds = search(folder, experiment, given.deadline, *common, *WAYS[way], *named, *given.settings)
            scores[way].append(round(record["test"]["score"], 2))
            trials[way].append(sum(trial["state"] != "refused" for trial in record["trials"]))
            late.append(seconds / record["deadline_seconds"] - 1)
    found = {
        "deadline": given.deadline,
        "seeds": given.seeds,
        "scores": scores,
        "trials": trials,
        "late_share_worst": round(max(late), 4),
        "kept": given.tiny or statistics.mean(scores.get("search", [REACHED])) >= REACHED,
    }
    if not {"search", "random"} <= scores.keys():
        return found
    differences = [mine - other for mine, other in zip(scores["search"], scores["random"], strict=True)]
    mean = statistics.mean(differences)
    found |= {"difference": round(mean, 2), "differences": [round(value, 2) for value in differences]}
    return found | {"kept": found["kept"] and mean >= OVER_RANDOM}


def search(folder: Path, experiment: str, deadline: str, *settings: str) -> tuple[dict[str, Any], float]:
    """Search in a process of its own; return what it found, and the seconds that the process took."""
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "src.cli", "search", "-e", experiment, "--deadline", deadline, "--json", *settings]
    began = time.monotonic()
    with (folder / "search.log").open("a", encoding="utf-8") as log:
        done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, check=False)
    if done.returncode:
        raise SystemExit((folder / "search.log").read_text(encoding="utf-8")[-3000:])
    record: dict[str, Any] = json.loads(done.stdout)
    return record, time.monotonic() - began


def write_dev(folder: Path, data: Path, choose_on: int) -> dict[str, Path]:
    """Write 100 dialogues of DialogSum's dev as `test`, and so many others as `eval`, the same ones each time."""
    lines = (data / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    test = random.Random(0).sample(range(len(lines)), 100)
    others = [number for number in range(len(lines)) if number not in test]
    parts = {"test": test, "eval": random.Random(1).sample(others, choose_on)}
    files = {name: folder / f"dev_{name}.jsonl" for name in parts}
    for name, part in parts.items():
        files[name].write_text("".join(lines[number] + "\n" for number in part), encoding="utf-8")
    return files


def write_dialogsum(folder: Path, data: Path) -> tuple[str, ...]:
    """Write the part of DialogSum's train that trials are chosen on and the rest; return the settings naming them."""
    lines = (data / "train.jsonl").read_text(encoding="utf-8").splitlines()
    random.Random(0).shuffle(lines)
    parts = {"eval": lines[:CHOSEN_ON], "train": lines[CHOSEN_ON:]}
    for name, part in parts.items():
        (folder / f"{name}.jsonl").write_text("\n".join(part) + "\n", encoding="utf-8")
    files = {name: folder / f"{name}.jsonl" for name in parts} | {"test": data / "dev.jsonl"}
    return tuple(f"data.{name}={path.absolute()}" for name, path in files.items())


if __name__ == "__main__":
    sys.exit(main())
