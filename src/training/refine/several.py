"""A refining's step over the ranks of a run: what each does of it, and what all know of it afterwards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ...data.batches.bins import deal
from ...ranks.group import add_up, gathered, own_rank, rank_count

Made = TypeVar("Made")


class Prompted(Protocol):
    """A dialogue, whose prompt is its ids."""

    @property
    def prompt(self) -> Sequence[int]:
        """Return them."""
        ...


P = TypeVar("P", bound=Prompted)


def own_part(lengths: Sequence[int]) -> list[int]:
    """Return which of some items, of so many tokens, are this rank's, in their order."""
    return sorted(deal(lengths, rank_count())[own_rank()])


def made_by_all(examples: Sequence[P], make: Callable[[list[P]], list[Made]]) -> list[Made]:
    """Return what `make` makes of each example: each rank makes its part, by tokens of prompts, and all get all of it.

    `make` is called with this rank's examples, which may be none; it returns what it has made of each.
    """
    own = own_part([len(example.prompt) for example in examples])
    made = dict(zip(own, make([examples[index] for index in own]), strict=True))
    everything = {index: one for part in gathered(made) for index, one in part.items()}
    return [everything[index] for index in range(len(examples))]


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
