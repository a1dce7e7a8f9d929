"""Kill a training at random moments, go on each time, and compare its end with that of an uninterrupted one.

    python benchmarks/soak_kills.py [--kills 25] [--engines packed trainer] [--seed N] [--out FILE]

SIGKILLs are spread over five phases (loading data and model, a step's forward and backward, a checkpoint being
written, an evaluation, the final model being written) and fall at a random moment within. The model is a random Llama
with QLoRA, dropout and instruction augmentation on, and checkpoints every 3 steps; on a GPU with
`training.deterministic=true`, and a run without it is timed too. Prints one JSON line an engine; ends with 1 where
`final_model/adapter_model.safetensors` or a logged figure differs in a bit.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from kill_inputs import write_inputs
from result_line import print_line

PHASES = ("loading", "step", "saving", "evaluation", "final")


@dataclass(frozen=True)
class Kill:
    """When to kill: at the `occurrence`-th time that `phase` begins in a process, after `share` of its duration."""

    phase: str
    occurrence: int
    share: float


@dataclass
class Watched:
    """A process that ended: its exit code (-9 where it was killed) and the seconds of each phase it went through."""

    code: int
    killed: bool
    seconds: dict[str, list[float]] = field(default_factory=dict)


def main() -> int:
    """Run, print and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, help="an engine; 25 on a CPU, 5 on a GPU")
    parser.add_argument("--engines", nargs="+", choices=("packed", "trainer"))
    parser.add_argument("--device", choices=("cpu", "cuda"), help="by default cuda where there is one")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    parser.add_argument("--out", type=Path, help="file to which the lines are appended")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    given, rest = parser.parse_known_args()
    if given.child is not None:
        return train_in_this_process(given.child, rest)
    if rest:
        parser.error(f"unknown: {' '.join(rest)}")
    on_gpu = (given.device or ("cuda" if list(Path("/dev").glob("nvidia[0-9]*")) else "cpu")) == "cuda"
    if not on_gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    kills = given.kills or (5 if on_gpu else 25)
    good = True
    for engine in given.engines or (["packed"] if on_gpu else ["packed", "trainer"]):
        with tempfile.TemporaryDirectory(prefix="soak_kills.") as folder:
            result = soak(Path(folder), engine, kills, given.seed, on_gpu)
        good = good and result["identical"] and result["kills"] == kills
        print_line(result, given.out)
    return 0 if good else 1


def soak(folder: Path, engine: str, kills: int, seed: int, on_gpu: bool) -> dict[str, Any]:
    """Return the figures of one engine."""
    plan = planned_kills(kills, random.Random(f"{seed}/{engine}"))
    epochs = sum(kill.phase == "evaluation" for kill in plan) + 2
    write_inputs(folder, epochs, engine, on_gpu)
    start = time.monotonic()
    command = ["train", "--experiment", "soak.yaml"]
    whole = watch(folder, [*command, "experiment.name=whole"], None, {}, spawn=on_gpu)
    usual = {phase: statistics.median(seconds) for phase, seconds in whole.seconds.items()}
    done: list[Kill] = []
    for kill in [*plan, None]:
        one = watch(folder, [*command, "--resume", "experiment.name=killed"], kill, usual, spawn=on_gpu)
        if one.killed and kill is not None:
            done.append(kill)
        elif one.code != 0:
            raise SystemExit(f"a process ended with {one.code}:\n{(folder / 'log').read_text()[-3000:]}")
    ends = [outputs(folder / "outputs" / name) for name in ("whole", "killed")]
    record = json.loads((folder / "outputs" / "killed" / "run.json").read_text(encoding="utf-8"))
    deterministic = deterministic_cost(folder, command) if on_gpu else {}
    return {
        "benchmark": "soak_kills",
        "date": record["started"][:10],
        "commit": record["commit"],
        "engine": record["resolved"]["engine"],
        "device": record["device"]["name"],
        "dtype": record["resolved"]["compute_dtype"],
        "torch": record["versions"]["torch"],
        "transformers": record["versions"]["transformers"],
        "kills": len(done),
        "kills_by_phase": dict(Counter(kill.phase for kill in done)),
        "resumed_at_steps": [one["step"] for one in record.get("resumed", [])],
        "steps": record["train"]["steps"],
        "identical": ends[0] == ends[1],
        "adapter_sha256": ends[0]["adapter"],
        "seed": seed,
        "phase_seconds": {phase: round(seconds, 4) for phase, seconds in usual.items()},
        "wall_seconds": round(time.monotonic() - start, 1),
        **deterministic,
    }


def planned_kills(kills: int, rng: random.Random) -> list[Kill]:
    """Return the kills: the phases in turn, in random order, those of the final model last."""
    turns = [PHASES[number % len(PHASES)] for number in range(kills)]
    if kills < len(PHASES):
        turns = rng.sample(PHASES, kills)
    rng.shuffle(turns)
    turns.sort(key=lambda phase: phase == "final")
    latest = {"step": 6, "saving": 2}
    return [Kill(phase, rng.randint(1, latest.get(phase, 1)), rng.random()) for phase in turns]


def watch(folder: Path, arguments: list[str], kill: Kill | None, usual: dict[str, float], spawn: bool) -> Watched:
    """Run a command in a process of its own that tells its phases; kill it as told."""
    reading, writing = os.pipe()
    if spawn:
        command = [sys.executable, str(Path(__file__).resolve()), "--child", str(writing), *arguments]
        with (folder / "log").open("ab") as log:
            pid = subprocess.Popen(command, pass_fds=[writing], cwd=folder, stdout=log, stderr=log).pid
    else:
        preload()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            become_child(folder, writing, arguments)
    os.close(writing)
    seen: Counter[str] = Counter()
    begun: dict[str, float] = {}
    ended = Watched(0, killed=False)
    with open(reading, encoding="utf-8") as told:
        for line in told:
            phase, sign, moment = line.split()
            if sign == "<":
                ended.seconds.setdefault(phase, []).append(float(moment) - begun[phase])
                continue
            begun[phase] = float(moment)
            seen[phase] += 1
            if kill and (phase, seen[phase]) == (kill.phase, kill.occurrence):
                time.sleep(kill.share * usual[phase])
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    ended.code, ended.killed = status, status == -signal.SIGKILL
    return ended


def preload() -> None:
    """Import once what each process needs: a fork then begins with loading."""
    import src.commands.train.train
    import src.models.lora_loader
    import src.reports.report
    import src.training.llm_trainer  # noqa: F401


def become_child(folder: Path, writing: int, arguments: list[str]) -> None:
    """Train in this forked process, and end it."""
    code = 1
    try:
        os.chdir(folder)
        log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        code = train_in_this_process(writing, arguments)
    finally:
        sys.stdout.flush()
        os._exit(code)


def train_in_this_process(writing: int, arguments: list[str]) -> int:
    """Run a command of yoyak, telling each phase through a pipe; return its exit code."""
    pipe = os.fdopen(writing, "w", encoding="utf-8", buffering=1)

    def tell(phase: str, sign: str) -> None:
        pipe.write(f"{phase} {sign} {time.monotonic()}\n")

    tell("loading", ">")
    from src.cli import main as yoyak
    from src.training import llm_trainer
    from src.training.packed_step import PackedTrainer
    from src.training.response_trainer import ResponseTrainer
    from src.training.state.checkpointed_trainer import CheckpointedTrainer

    def told(owner: Any, name: str, phase: str) -> None:
        setattr(owner, name, in_phase(getattr(owner, name), phase, tell))

    told(PackedTrainer, "training_step", "step")
    told(ResponseTrainer, "training_step", "step")
    told(CheckpointedTrainer, "_save_checkpoint", "saving")
    told(CheckpointedTrainer, "_evaluate", "evaluation")
    told(llm_trainer, "write_final_model", "final")
    train = llm_trainer.LLMTrainer.train

    def train_after_loading(self: Any) -> Any:
        tell("loading", "<")
        return train(self)

    llm_trainer.LLMTrainer.train = train_after_loading  # type: ignore[method-assign]
    try:
        yoyak(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def in_phase(function: Callable[..., Any], phase: str, tell: Callable[[str, str], None]) -> Callable[..., Any]:
    """Return a function that tells when it begins and ends."""

    def telling(*args: Any, **kwargs: Any) -> Any:
        tell(phase, ">")
        result = function(*args, **kwargs)
        tell(phase, "<")
        return result

    return telling


def outputs(run: Path) -> dict[str, Any]:
    """Return what has to be equal: the adapter's hash, and the logged figures without speeds."""
    adapter = (run / "final_model" / "adapter_model.safetensors").read_bytes()
    from src.tests.training.stopped_runs import is_measured

    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    figures = [{k: v for k, v in line.items() if not is_measured(k)} for line in lines]
    return {"adapter": hashlib.sha256(adapter).hexdigest(), "metrics": figures}


def deterministic_cost(folder: Path, command: list[str]) -> dict[str, float]:
    """Return the time of the steps with deterministic kernels as a multiple of that without."""
    settings = ["experiment.name=fast", "training.deterministic=false"]
    fast = watch(folder, [*command, *settings], None, {}, spawn=True)
    if fast.code:
        raise SystemExit((folder / "log").read_text()[-3000:])
    each = [step_seconds(folder / "outputs" / name) for name in ("whole", "fast")]
    return {
        "deterministic_time_ratio": round(each[0] / each[1], 3),
        "deterministic_tokens_per_second": round(1 / each[0]),
    }


def step_seconds(run: Path) -> float:
    """Return the median time a token, in seconds, of the later half of a run's steps."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    rates = [line["tokens_per_second"] for line in lines if "loss" in line]
    return 1 / statistics.median(rates[len(rates) // 2 :])


if __name__ == "__main__":
    sys.exit(main())
