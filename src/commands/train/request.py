"""What the user asks for with `yoyak train`."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import YoyakError
from ..several import ONE, Several


@dataclass(frozen=True)
class TrainRequest:
    """What the user asked for: an experiment, what overrides it, and how an existing folder is treated."""

    experiment: str
    overrides: Sequence[str] = ()
    several: Several = ONE
    debug: bool = False
    overwrite: bool = False
    force: bool = False
    resume: bool = False
    quiet: bool = False
    """What the run says goes into its log only."""

    def __post_init__(self) -> None:
        """Raise YoyakError where a run is to go on and to be replaced."""
        if self.resume and self.overwrite:
            raise YoyakError("--resume goes on with a run and --overwrite replaces it; leave one out")
