"""The policy gradient of groups: which dialogues a step takes, and how much likelier each drawn summary should become.

Group-relative advantages (GRPO, Shao et al. 2024) with one update for each draw, so that no ratio has to be clipped,
and the loss summed over all tokens of the step (Dr. GRPO, Liu et al. 2025): a mean over each summary's own tokens makes
long bad ones cheap. The standard deviation has a floor, so that groups of nearly equal rewards don't count as others.
"""

import random
from collections.abc import Sequence

from ...config.refine import RefineSettings

_FLOOR = 1.0  # points of reward, added to a group's standard deviation


def advantages(rewards: Sequence[float]) -> list[float]:
    """Return (reward - mean) / (standard deviation + 1) of each summary of a group; equal rewards give zeros."""
    mean = sum(rewards) / len(rewards)
    spread = (sum((reward - mean) ** 2 for reward in rewards) / max(len(rewards) - 1, 1)) ** 0.5
    return [(reward - mean) / (spread + _FLOOR) for reward in rewards]


def learning_rate(settings: RefineSettings, step: int) -> float:
    """Return the learning rate of a step, from 0: the last one has the whole rate where the warm-up is as long."""
    warmup = min(settings.warmup_steps, settings.steps - 1)
    rising = (step + 1) / (warmup + 1)
    falling = (settings.steps - step) / (settings.steps - warmup)
    return settings.learning_rate * min(1.0, rising, falling if settings.lr_scheduler_type == "linear" else 1.0)


def drawn_examples(seed: int, step: int, count: int, size: int) -> list[int]:
    """Return `size` of `count` examples for a step (from 0), drawn without repetition within each pass over them."""
    passes = count // size
    order = list(range(count))
    random.Random(f"{seed}/refine/{step // passes}").shuffle(order)
    first = step % passes * size
    return order[first : first + size]
