"""`--resume`: what is there of a run, whether it may go on, and from where."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...config.schema import Config
from ...errors import YoyakError
from ...runs.schema import RECORD_FILE, RunRecord

if TYPE_CHECKING:
    from ...training.state.checkpoints import Checkpoint
    from ...training.state.resolved import Resolved

EVALUATION_FOLDER = "evaluation"
"""In a run's folder: what `yoyak evaluate` generated. It may be there before the run, with the base model's."""
_ABSENT = "not installed"
_FROM_THE_FIRST_MOMENT = {EVALUATION_FOLDER, "train.log"}


@dataclass(frozen=True)
class EarlierRun:
    """What a run's folder holds of its earlier processes.

    Attributes:
        record: what `run.json` says; None where the run died before it was written.
        checkpoint: from which the run goes on; None is step 0.
        damaged: a sentence for each newer checkpoint that is not whole.
    """

    record: RunRecord | None = None
    checkpoint: "Checkpoint | None" = None
    damaged: list[str] = field(default_factory=list)

    @property
    def step(self) -> int:
        """Return the step from which the run goes on."""
        return self.checkpoint.step if self.checkpoint else 0

    @property
    def facts(self) -> dict[str, Any]:
        """Return what the checkpoint says the run is made of."""
        from ...training.state.checkpointed_trainer import STATE

        facts: dict[str, Any] = self.checkpoint.read_json(f"{STATE}.json")["facts"] if self.checkpoint else {}
        return facts

    @property
    def resolved(self) -> "Resolved | None":
        """Return what was decided at run time."""
        from ...training.state.resolved import Resolved

        return Resolved.from_dict(self.facts["resolved"]) if self.checkpoint else None


def find_earlier_run(config: Config) -> EarlierRun | None:
    """Return what is there of the run that a config describes, or None where nothing is.

    Raises:
        YoyakError: the folder holds something else, a run with other result-changing settings (each is named), or a
            checkpoint with a pickle.
    """
    from ...runs.record import read_record
    from ...training.state.checkpoints import find_checkpoint
    from ...training.state.identity import refuse_settings, setting_differences

    folder = config.experiment.run_dir
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    names = {name for name in names if not name.startswith(f".{RECORD_FILE}.")}  # of a process killed while it wrote
    if names <= {EVALUATION_FOLDER}:
        return None
    if names <= _FROM_THE_FIRST_MOMENT:
        return EarlierRun()
    record = read_record(folder)
    earlier = EarlierRun(record, *find_checkpoint(folder / "checkpoints"))
    if record is None and earlier.checkpoint is None:
        raise YoyakError(f"{folder}: holds no run to go on with; set experiment.name=OTHER")
    known = earlier.facts["config"] if earlier.checkpoint else record.config if record else None
    if known:
        refuse_settings(folder, setting_differences(config, known))
    return earlier


def is_complete(config: Config, earlier: EarlierRun | None) -> bool:
    """Tell whether a run has ended with its final model."""
    folder = config.experiment.run_dir
    done = earlier is not None and earlier.record is not None and earlier.record.status == "completed"
    return done and (folder / "final_model").is_dir()


def other_data(config: Config, earlier: EarlierRun) -> list[str]:
    """Return the data files of a config that are not what an earlier run has read, as far as both are files here."""
    from ...runs.data_watch import fingerprint

    read = earlier.record.data if earlier.record else {}
    sources = {"train": config.data.train, "eval": config.data.eval}
    digests = {source: (read[split].sha256, fingerprint(source)) for split, source in sources.items() if split in read}
    return [source for source, (before, now) in digests.items() if before and now and before != now]


def other_surroundings(earlier: EarlierRun) -> list[str]:
    """Return a phrase for each package or device that is not the one that the run was begun with."""
    from ...runs.record import device_description, package_versions

    if earlier.record is None:
        return []
    now, before = package_versions(), earlier.record.versions
    names = [name for name in {**before, **now} if before and before.get(name) != now.get(name)]
    phrases = [f"{name} {now.get(name, _ABSENT)}, was {before.get(name, _ABSENT)}" for name in names]
    device, was = device_description().name, earlier.record.device.name
    return phrases if device == was else [*phrases, f"{device}, was {was}"]
