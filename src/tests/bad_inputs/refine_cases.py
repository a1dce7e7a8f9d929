"""Runs that can't be refined, and settings under which none can."""

import shutil
from collections.abc import Callable
from pathlib import Path

from src.tests.bad_inputs.case import HEAD, Case

RUN = '{"name": "a", "status": "completed"}'
ADAPTER = "outputs/a/final_model/adapter_model.safetensors"


def finished(size: int | None = None, **changed: str) -> Callable[[Path], None]:
    """Return what makes a finished run `outputs/a` of the tiny model: its adapter's first `size` bytes, its settings.

    `changed` are texts of its settings that are replaced by others.
    """

    def prepare(tiny: Path) -> None:
        shutil.copytree(tiny / "adapter", Path(ADAPTER).parent)
        Path(ADAPTER).write_bytes(Path(ADAPTER).read_bytes()[:size])
        settings = (tiny / "tiny.yaml").read_text(encoding="utf-8")
        for old, new in changed.items():
            settings = settings.replace(f"{old}: ", f"{old}: {new} # ")
        (Path(ADAPTER).parent / "yoyak.yaml").write_text(settings, encoding="utf-8")

    return prepare


def refuse(name: str, settings: str, line: str, **options: object) -> Case:
    """Return the case of settings for a finished run."""
    return Case(f"refine: {name}", f"refine outputs/a {settings}", line, **({"prepare": finished()} | options))  # type: ignore[arg-type]


NONE = "no finished run; name a run's folder, such as outputs/NAME, or its final_model"
REFINING = [
    Case("refine: a folder that is no run", "refine m", f"m: {NONE}", files={"m/x": "x"}),
    Case("refine: no such folder", "refine m", f"m: {NONE}"),
    Case(
        "refine: a run without a final model",
        "refine outputs/a",
        f"outputs/a: {NONE}",
        files={"outputs/a/run.json": RUN},
    ),
    refuse(
        "groups of one", "refine.samples=1", "command line: refine.samples = 1: must be a whole number of at least 2"
    ),
    refuse("cold", "refine.temperature=0", "command line: refine.temperature = 0: must be a number above 0"),
    refuse("no number", "refine.facts_weight=nan", 'command line: refine.facts_weight = "nan": must be ...'),
    refuse(
        "another reward", "refine.reward=bleu", 'command line: refine.reward = "bleu": must be one of rouge_sum, ...'
    ),
    refuse("no step", "refine.steps=0", "command line: refine.steps = 0: must be a whole number of at least 1"),
    refuse(
        "few dialogues", "refine.dialogues=9", "a step takes 9 dialogues and data.train has 4; set refine.dialogues=4"
    ),
    refuse(
        "anew and further",
        "--resume --overwrite",
        "--resume goes on with a run and --overwrite replaces it; leave one out",
    ),
    refuse("another adapter", "lora.adapter=o", "lora.adapter is the final model of outputs/a; leave it out"),
    refuse("no data", "data.train=x.csv", "x.csv: no such file..."),
    refuse("no evaluation data", "data.eval=x.csv", "x.csv: no such file..."),
    refuse("an empty evaluation", "data.eval=x.csv", "x.csv: a header but no rows", files={"x.csv": HEAD}),
    refuse("its data are gone", "", "gone.csv: no such file...", prepare=finished(train="gone.csv")),
    refuse("its base is gone", "", "...gone...", prepare=finished(checkpoint="./gone")),
    refuse("its adapter is cut off", "refine.dialogues=2", "...outputs/a/final_model...", prepare=finished(size=100)),
    refuse(
        "onto itself",
        "experiment.name=a experiment.output_dir=outputs --overwrite",
        "experiment.name = a: is the run that is refined; name another",
    ),
    refuse(
        "a name that is taken",
        "experiment.name=b experiment.output_dir=outputs",
        "outputs/b: holds a run (completed, None); pass --overwrite to replace it, or set experiment.name=OTHER",
        files={"outputs/b/run.json": RUN},
    ),
]
