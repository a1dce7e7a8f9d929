"""What the processes that `yoyak train --gpus` and `yoyak refine --gpus` start are told."""

from .request import TrainRequest


def train_arguments(request: TrainRequest, folds: int | None = None) -> list[str]:
    """Return what stands behind `yoyak` for a training, or that of folds, but on how many GPUs."""
    flags = {
        "--debug": request.debug,
        "--overwrite": request.overwrite,
        "--force": request.force,
        "--resume": request.resume,
        f"--folds={folds}": folds is not None,
    }
    given = [flag for flag, wanted in flags.items() if wanted]
    return ["train", "--experiment", request.experiment, *given, *request.overrides]


def refine_arguments(run: str, request: TrainRequest) -> list[str]:
    """Return what stands behind `yoyak` for the refining of a run, but on how many GPUs."""
    flags = {"--overwrite": request.overwrite, "--resume": request.resume}
    return ["refine", run, *(flag for flag, wanted in flags.items() if wanted), *request.overrides]
