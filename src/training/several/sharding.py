"""Whether a run's weights are cut over its ranks."""

from ...config.schema import Config
from ...errors import YoyakError
from ...planner.sharding import Sharding, refuse_what_cannot_be_cut
from ...ranks.group import rank_count

CUT_OPTIMIZER = "adamw_torch"
"""Of weights that are cut by FSDP2: torch's AdamW computes on each rank's part."""


def sharding_as_asked(config: Config) -> Sharding:
    """Return what a config asks for; `auto`, which is the planner's to decide, is none here.

    Raises:
        YoyakError: weights can't be cut under these settings, or there is one process.
    """
    if config.training.sharding != "weights":
        return "none"
    refuse_what_cannot_be_cut(config)
    if rank_count() == 1:
        raise YoyakError(
            "training.sharding = weights: there is one process, and nobody to share with; start several with --gpus "
            "all, or set it to auto"
        )
    return "weights"


def refuse_other_engine(config: Config, engine: str, sharding: Sharding) -> None:
    """Raise YoyakError where a run that goes on was begun by an engine that can't cut what it trains."""
    if sharding == "weights" and engine != ("packed" if config.lora.use_lora else "trainer"):
        raise YoyakError(
            f"{config.experiment.run_dir}: can't go on with training.sharding = weights: it was begun by the {engine} "
            "engine; set it to none, or begin anew with --overwrite"
        )
