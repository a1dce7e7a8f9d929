"""A refining's step over the ranks of a run: what each does of it, and what all know of it afterwards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ...data.batches.bins import deal
from ...ranks.group import add_up, gathered, own_rank, rank_count

T = TypeVar("T")
Made = TypeVar("Made")


def own_part(lengths: Sequence[int]) -> list[int]:
    """Return which of some items, of so many tokens, are this rank's, in their order."""
    return sorted(deal(lengths, rank_count())[own_rank()])


def made_by_all(items: Sequence[T], lengths: Sequence[int], make: Callable[[list[T]], list[Made]]) -> list[Made]:
    """Return what `make` makes of each item: each rank makes its part, and all get all of it.

    Args:
        items: that are dealt.
        lengths: of each in tokens, by which they are.
        make: called with this rank's items, which may be none; returns what it has made of each.
    """
    own = own_part(lengths)
    made = dict(zip(own, make([items[index] for index in own]), strict=True))
    everything = {index: one for part in gathered(made) for index, one in part.items()}
    return [everything[index] for index in range(len(items))]


@dataclass(frozen=True)
class Share:
    """A rank's part of an update.

    Attributes:
        loss: summed over its tokens, in nats.
        distance: of them, from the start.
        tokens: that it computes at a time.
        kept_layers: that keep their activations there.
    """

    loss: float
    distance: float
    tokens: int
    kept_layers: int


def summed(share: Share, gradients: Any) -> Share:
    """Return the sums of all ranks' losses and distances, and how much the one with the least memory computes.

    The buffer of `gradients` is added up in place.
    """
    if rank_count() == 1:
        return share
    add_up([gradients])
    shares = gathered(share)
    return Share(
        sum(one.loss for one in shares),
        sum(one.distance for one in shares),
        min(one.tokens for one in shares),
        min(one.kept_layers for one in shares),
    )
