"""What a layer of a decoder keeps for its backward, and what its passes are given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch

from ..kernels.adapted_linear import AdaptedLinear
from ..kernels.dropout import Drop
from ..kernels.heads import Rotary

Drops: TypeAlias = Sequence[Drop | None]
ADAPTED_INPUTS = 4  # inputs of adapters in a layer: of q/k/v, of o, of gate/up, of down


@dataclass(frozen=True)
class Rotaries:
    """What turns and scales queries and keys by their positions.

    Attributes:
        tables: rotations by the name of their table, as layers are described.
        query_factors: (tokens, 1), by which queries are multiplied besides; None where by nothing.
    """

    tables: Mapping[str | None, Rotary]
    query_factors: torch.Tensor | None = None

    def __getitem__(self, name: str | None) -> Rotary:
        """Return cosines and sines of a table."""
        return self.tables[name]

    def at(self, places: torch.Tensor) -> "Rotaries":
        """Return the rows of `places`."""
        tables = {name: (cos[places], sin[places]) for name, (cos, sin) in self.tables.items()}
        return Rotaries(tables, None if self.query_factors is None else self.query_factors[places])


@dataclass(frozen=True)
class KnownStates:
    """What of a layer's forward has waited for a backward that computes the rest again.

    Attributes:
        hidden: the layer's input, (tokens, width).
        mixed: what the first product gave, (tokens, columns), not to be used again; None where it is computed, too.
        projected: the same of the second product, as `Saved.projected` has it.
    """

    hidden: torch.Tensor
    mixed: torch.Tensor | None = None
    projected: torch.Tensor | None = None


@dataclass
class Saved:
    """What a layer's backward needs of its forward; the fused inputs are None where they are computed again.

    With `rows`, all that comes after the attention is of these tokens only. `loaded` are the products whose weights are
    loaded still.
    """

    hidden: torch.Tensor
    inverse_rms: torch.Tensor
    attention: Any
    attended: torch.Tensor
    middle: torch.Tensor
    middle_inverse_rms: torch.Tensor
    gate_up: torch.Tensor
    reduced: list[torch.Tensor]
    rows: torch.Tensor | None = None
    attention_input: torch.Tensor | None = None
    mlp_input: torch.Tensor | None = None
    activation: torch.Tensor | None = None
    attention_output: torch.Tensor | None = None  # this and the others where a norm stands after the part
    attention_output_inverse_rms: torch.Tensor | None = None
    mlp_output: torch.Tensor | None = None
    mlp_output_inverse_rms: torch.Tensor | None = None
    loaded: list[AdaptedLinear] = field(default_factory=list)

    @property
    def projected(self) -> torch.Tensor:
        """Return what the second product gave (tokens or rows, width), plus the input where no norm stands between."""
        return self.middle if self.attention_output is None else self.attention_output


def of_rows(drops: Drops, rows: torch.Tensor | None) -> Drops:
    """Return the dropout of a layer's inputs where all after its attention is computed for `rows` only."""
    return drops if rows is None else [drops[0], *(drop and drop.of_rows(rows) for drop in drops[1:])]


def among(tokens: int, rows: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return x (rows, width) spread over (tokens, width): zero everywhere but at `rows`."""
    result = x.new_zeros(tokens, x.shape[1])
    result[rows] = x
    return result


def reduced_of(linear: AdaptedLinear, fused: torch.Tensor, keeps_input: bool) -> torch.Tensor:
    """Return x A^T of the adapters; as a copy where the fused input that holds it is to be freed."""
    reduced = fused[:, linear.width :]
    return reduced if keeps_input else reduced.clone()
