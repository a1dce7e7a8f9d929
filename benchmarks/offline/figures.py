"""Run the stages of `stages.py`, each with a limit of its own; one JSON line a stage, whatever became of the others.

    python benchmarks/offline/figures.py list
    python benchmarks/offline/figures.py start [STAGE ...] [--minutes 24] [--cards 0,1] [--lane NAME] [--after LANE]
        [--commit HASH]
    python benchmarks/offline/figures.py wait [--seconds 560] [--lane NAME] [--copy FOLDER]
    python benchmarks/offline/figures.py run --dry [STAGE ...]

`start` copies the checkout to PREFIX/lanes/NAME/tree and runs it from there in a process of its own, which outlives
the command; `wait` prints what has come since, and copies lines and logs to FOLDER. `run` stays until the end. `--dry`
takes tiny sizes on a CPU. A stage whose needs are not there yet is put off; one that would end after so many minutes is
left out. Lanes run side by side, each on GPUs of its own, or one `--after` another; they know of each other's stages
that have ended well.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

from stages import ROOT, Place, Stage, stages

_LEFT_BEHIND = {".git", ".carry", ".venv", "outputs", "logs"}  # of the checkout's own folder


class Job:
    """A stage under way."""

    def __init__(self, stage: Stage, place: Place, folder: Path, cards: list[str], beside: list[str]) -> None:
        """Begin it on GPUs, in a process group of its own, with its output in `folder`."""
        self.stage, self.cards, self.beside, self.began = stage, cards, beside, time.monotonic()
        self.limit = stage.limit * (5 if place.dry else 1)
        self.out, self.log = folder / f"{stage.name}.out", folder / f"{stage.name}.log"
        line = " && ".join(shlex.join(command) for command in stage.commands)
        visible = {} if cards == [""] else {"CUDA_VISIBLE_DEVICES": ",".join(cards)}
        with self.out.open("wb") as out, self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", line],
                cwd=ROOT,
                env=surroundings(place, stage.site) | visible,
                stdout=out,
                stderr=log,
                start_new_session=True,
            )

    @property
    def seconds(self) -> float:
        """Return for how long it has run."""
        return time.monotonic() - self.began

    def line(self) -> dict[str, Any] | None:
        """Return what it came to, or None while it runs; past its limit it is ended."""
        code: int | str | None = self.process.poll()
        if code is None and self.seconds > self.limit:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            code = f"ended after {self.limit} s"
        if code is None:
            return None
        figures, last = read_figures(self.out)
        line: dict[str, Any] = {"stage": self.stage.name, "seconds": round(self.seconds, 1)}
        line |= {"estimate": self.stage.seconds, "cards": self.cards, "beside": self.beside}
        line |= {"exit": code, "figures": figures}
        if not figures:
            line["output"] = last
        if code:
            line["error"] = self.log.read_text(encoding="utf-8", errors="replace")[-1500:]
        return line


def read_figures(out: Path) -> tuple[list[Any], str]:
    """Return the JSON objects among a file's lines, and its last line."""
    figures, last = [], ""
    for text in out.read_text(encoding="utf-8", errors="replace").splitlines():
        last = text or last
        if text.startswith("{"):
            try:
                figures.append(json.loads(text))
            except ValueError:
                continue
    return figures, last


def surroundings(place: Place, site: str | None) -> dict[str, str]:
    """Return the environment of a stage."""
    sites = [str(place.prefix / name) for name in (site, "site") if name]
    sites += [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    fixed = {"YOYAK_HOME": str(place.prefix / "yoyak"), "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    fixed |= {"OMP_NUM_THREADS": "4"}  # stages run side by side: with a thread a core each would wait for the others
    return os.environ | fixed | {"PYTHONPATH": os.pathsep.join([*sites, str(ROOT)])}


def run_all(
    chosen: list[Stage], place: Place, lane: Path, seconds: float, cards: list[str], commit: str | None = None
) -> None:
    """Run stages in order, those that measure time alone on their GPUs; write a line for each to the lane's folder."""
    lane.mkdir(parents=True, exist_ok=True)
    place.runs.mkdir(parents=True, exist_ok=True)
    until, left, running = time.monotonic() + seconds, list(chosen), list[Job]()

    def say(line: dict[str, Any]) -> None:
        text = json.dumps(line | ({"commit": commit} if commit else {}))
        print(text, flush=True)
        with (lane / "lines.jsonl").open("a", encoding="utf-8") as file:
            file.write(text + "\n")

    while left or running:
        for job in list(running):
            if line := job.line():
                running.remove(job)
                if line["exit"] == 0:
                    place.done(job.stage.name).touch()
                say(line)
        stage = next((stage for stage in left if not lacking(stage)), None)
        if stage and stage.cards > len(cards):
            left.remove(stage)
            say({"stage": stage.name, "left_out": f"takes {stage.cards} GPUs", "estimate": stage.seconds})
        elif stage and time.monotonic() + stage.seconds > until:
            left.remove(stage)
            say({"stage": stage.name, "left_out": "no time for it", "estimate": stage.seconds})
        elif stage and (given := room_for(stage, running, cards)) is not None:
            left.remove(stage)
            running.append(Job(stage, place, lane, given, [job.stage.name for job in running]))
        elif stage is None and not running and not arriving(left, place, until):
            break
        else:
            time.sleep(0.2)
    for stage in left:
        say({"stage": stage.name, "left_out": f"not there: {lacking(stage)}", "estimate": stage.seconds})


def lacking(stage: Stage) -> str:
    """Return the first of a stage's needs that is not there, or ""."""
    return next((str(path) for path in stage.needs if not path.exists()), "")


def arriving(left: list[Stage], place: Place, until: float) -> bool:
    """Tell whether something that is installed later may let one of the stages begin."""
    wanted = [path for stage in left for path in stage.needs if path.parent == place.prefix / "installed"]
    return time.monotonic() < until and any(not path.exists() for path in wanted)


def room_for(stage: Stage, running: list[Job], cards: list[str]) -> list[str] | None:
    """Return the GPUs that a stage may begin on now; None where there are too few.

    Where there is one, two stages that don't measure time may share it; of several, each stage has its own.
    """
    on = {card: [job.stage for job in running if card in job.cards] for card in cards}
    at_once = 2 if len(cards) == 1 else 1
    free = [
        card
        for card, there in on.items()
        if not there or (not stage.alone and len(there) < at_once and not any(other.alone for other in there))
    ]
    return free[: stage.cards] if len(free) >= stage.cards else None


def start(given: argparse.Namespace, lane: Path) -> None:
    """Run in a process of its own, from a copy of the checkout that later changes don't reach."""
    lane.mkdir(parents=True, exist_ok=True)
    if (lane / "pid").is_file() and is_running(read_pid(lane)):
        raise SystemExit("stages are under way already in this lane; wait for them")
    tree = lane / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(ROOT, tree, ignore=lambda place, _: _LEFT_BEHIND if Path(place) == ROOT else {"__pycache__"})
    command = [sys.executable, str(tree / "benchmarks" / "offline" / "figures.py"), "run", *given.stages]
    command += ["--prefix", str(given.prefix), "--minutes", str(given.minutes), "--lane", given.lane]
    command += ["--cards", given.cards] if given.cards else []
    command += ["--after", given.after] if given.after else []
    command += (["--dry"] if given.dry else []) + (["--commit", given.commit] if given.commit else [])
    with (lane / "pipeline.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=tree, stdout=log, stderr=log, start_new_session=True)
    (lane / "pid").write_text(str(process.pid), encoding="utf-8")


def wait(lane: Path, runs: Path, seconds: float, copy: Path | None) -> None:
    """Print lines as they come until all stages have ended or the time is over; copy what there is."""
    until, shown = time.monotonic() + seconds, 0
    pid, lines = read_pid(lane), lane / "lines.jsonl"
    while True:
        ended = not is_running(pid)
        found = lines.read_text(encoding="utf-8").splitlines() if lines.is_file() else []
        for text in found[shown:]:
            print(text[:400], flush=True)
        shown = len(found)
        if ended or time.monotonic() > until:
            break
        time.sleep(2)
    print("all stages have ended" if ended else "stages are under way", flush=True)
    if copy:
        copy.mkdir(parents=True, exist_ok=True)
        for path in (lines, lane / "pipeline.log"):
            if path.is_file():
                shutil.copyfile(path, copy / f"{lane.name}.{path.name}")
        with tarfile.open(copy / f"{lane.name}.tar.xz", "w:xz") as archive:
            for path in [*lane.glob("*.log"), *lane.glob("*.out")]:
                archive.add(path, path.name)
            for path in [*runs.glob("**/run.json"), *runs.glob("**/search.json")]:
                archive.add(path, path.relative_to(runs.parent))


def read_pid(lane: Path) -> int:
    """Return the process that `start` began."""
    if not (lane / "pid").is_file():
        raise SystemExit(f"no stages were started in lane {lane.name}; begin with: figures.py start")
    return int((lane / "pid").read_text(encoding="utf-8"))


def cards_here() -> list[str]:
    """Return the numbers of this machine's GPUs, or one without a name."""
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
    except OSError:
        listed = ""
    return [str(number) for number in range(listed.count("UUID: GPU"))] or [""]


def is_running(pid: int) -> bool:
    """Tell whether a process is there, and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def main() -> None:
    """List, start, run or wait."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("list", "start", "run", "wait"))
    parser.add_argument("stages", nargs="*", help="by default all but those that run only when asked for")
    parser.add_argument("--prefix", type=Path, default=Path("/tmp"), help="PREFIX of install.sh")
    parser.add_argument("--minutes", type=float, default=24.0, help="in which all are to end")
    parser.add_argument("--cards", help="GPUs of the lane, such as 0,1; by default all")
    parser.add_argument("--lane", default="figures", help="name of stages that run side by side with others")
    parser.add_argument(
        "--after", metavar="LANES", default="", help="such as one,two: begin when their stages have ended"
    )
    parser.add_argument("--dry", action="store_true", help="tiny sizes, on a CPU")
    parser.add_argument("--commit", help="goes into the lines, where there is no git")
    parser.add_argument("--seconds", type=float, default=560.0, help="that `wait` waits at most")
    parser.add_argument("--copy", type=Path, help="where `wait` copies lines and logs")
    given = parser.parse_intermixed_args()
    given.prefix = given.prefix.absolute()
    place, lane = Place(given.prefix, given.dry), given.prefix / "lanes" / given.lane
    known = {stage.name: stage for stage in stages(place)}
    if unknown := [name for name in given.stages if name not in known]:
        parser.error(f"no such stage: {', '.join(unknown)}; there are: {', '.join(known)}")
    chosen = [known[name] for name in given.stages] or [stage for stage in known.values() if not stage.asked]
    if given.what == "list":
        for stage in known.values():
            how = f"{stage.cards} GPUs" if stage.cards != 1 else "alone" if stage.alone else "two at once"
            print(f"{stage.name:32} {stage.seconds:5} s  {how:12} {'only if named' if stage.asked else ''}".rstrip())
    elif given.what == "start":
        start(given, lane)
    elif given.what == "wait":
        wait(lane, place.runs, given.seconds, given.copy)
    else:
        if given.dry and not place.tiny.exists():
            code = f"from src.tests.tiny_models import *; write_tiny_model(Path({str(place.tiny)!r}), "
            code += "max_position_embeddings=2048)"
            subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=surroundings(place, None), check=True)
        cards, until = given.cards.split(",") if given.cards else cards_here(), time.monotonic() + 60 * given.minutes
        before = [lane.with_name(name) for name in given.after.split(",") if name]
        while any(is_running(read_pid(one)) for one in before):
            time.sleep(0.5)
        run_all(chosen, place, lane, until - time.monotonic(), cards, given.commit)


if __name__ == "__main__":
    main()
