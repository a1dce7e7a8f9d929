"""`yoyak quickstart`: a real run on the shipped sample dialogues, nothing else needed."""

from pathlib import Path

from .folder import TrainRequest
from .train import train_run


def run_quickstart(korean: bool = False, overrides: list[str] | None = None) -> Path:
    """Train and score the bundled model on the samples into `outputs/quickstart[_ko]/`, replacing an earlier one."""
    return train_run(TrainRequest("quickstart_ko" if korean else "quickstart", overrides or [], overwrite=True))
