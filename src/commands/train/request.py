"""What the user asks for with `yoyak train`."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import YoyakError


@dataclass(frozen=True)
class Several:
    """On how many GPUs or with how many processes of the CPU to train; on one where both are None.

    Attributes:
        gpus: `all`, a number of them, or a list such as `0,2`.
        processes: on the CPU.
    """

    gpus: str | None = None
    processes: int | None = None

    def __post_init__(self) -> None:
        """Raise YoyakError where both are asked for."""
        if self.gpus is not None and self.processes is not None:
            raise YoyakError("--gpus starts a process on each GPU and --processes some on the CPU; leave one out")

    def __bool__(self) -> bool:
        """Tell whether anything is asked for."""
        return self != ONE


ONE = Several()


@dataclass(frozen=True)
class TrainRequest:
    """What the user asked for: an experiment, what overrides it, and how an existing folder is treated."""

    experiment: str
    overrides: Sequence[str] = ()
    use_qlora: bool | None = None
    use_instruction_augmentation: bool = False
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
