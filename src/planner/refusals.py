"""What training refuses of settings and lengths together."""

from collections.abc import Sequence

from ..config.schema import Config
from ..errors import YoyakError

_EVA_TOKENS = 2  # summary tokens that PEFT's EVA wants of a batch for each rank, `EvaConfig.rho`


def refuse_small_eva_batches(config: Config, targets: Sequence[int]) -> None:
    """Raise YoyakError where no batch of examples, with so many summary tokens each, is enough for `lora.init = eva`.

    PEFT would wait for one for ever.
    """
    lora, size = config.lora, config.training.batch_size
    if lora.init != "eva" or not lora.use_lora or lora.adapter is not None:
        return
    needed = _EVA_TOKENS * lora.r
    if all(sum(targets[start : start + size]) < needed for start in range(0, len(targets), size)):
        raise eva_batch_error(lora.r, needed)


def refuse_eva_with_added_tokens(config: Config, added: Sequence[object]) -> None:
    """Raise YoyakError where `lora.init = eva` is to start an adapter beside rows of control tokens that were added."""
    if added and config.lora.init == "eva" and config.lora.use_lora and config.lora.adapter is None:
        raise YoyakError("lora.init = eva can't be had with added control tokens; set lora.init=default")


def eva_batch_error(rank: int, needed: int) -> YoyakError:
    """Return the error where no batch has the summary tokens that `lora.init = eva` needs for a rank."""
    return YoyakError(
        f"lora.init = eva needs a batch of {needed} summary tokens for lora.r = {rank}; "
        "raise training.batch_size, lower lora.r, or set lora.init=default"
    )
