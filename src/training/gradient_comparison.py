"""How far the gradients of an engine are from those of the model's own `forward`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import nn

from ..models.in_float32 import FromFloat32, float32_fits
from ..models.probe import is_coarse, same_tokens_in_float32
from ..models.probe_result import Probe, beside_float32, compare_losses
from ..models.shared_layers import shared_layers_of
from ..ranks.group import agreed

Gradients: TypeAlias = dict[nn.Parameter, torch.Tensor]
_SMALL = 0.1  # of the usual gradient: a smaller one is compared with this


def compare_gradients(
    engine: str,
    model: Any,
    loss: float,
    ours: Gradients,
    own_backward: Callable[[], float],
    bounds: tuple[float, float],
    start: float,
    asks_float32: bool = True,
) -> Probe:
    """Compare loss and gradients of an engine with the model's own, and where 16 bit disagrees both with float32.

    Args:
        engine: what sentences call it.
        model: within `untouched`, whose parameters have no `.grad`.
        loss: the engine's mean loss, in nats a target token.
        ours: its gradients.
        own_backward: runs the model's own `forward` and backward, and returns the loss; it leaves no graph.
        bounds: of loss and gradients, relative.
        start: when the probe began.
        asks_float32: whether float32 is asked, where its weights fit into memory.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    asks_float32 = asks_float32 and float32_fits(model)
    comparison = GradientComparison(trained, ours, keeps=asks_float32)
    own_loss = own_backward()
    found = compare_losses(engine, loss, own_loss, comparison.error(of_all=is_coarse(model)), bounds, start)
    if shared_layers_of(model) is not None:  # all ranks go on, or none
        found = agreed(partial(lambda own: own, found))
    if found.agrees or not asks_float32:
        return found
    reference = ReferenceComparison(trained, [ours, comparison.kept])
    with same_tokens_in_float32(model):
        wide_loss = own_backward()
    of_ours, of_own = reference.distances()
    return beside_float32(found, of_ours, of_own, wide_loss, bounds[0], start)


class GradientComparison:
    """Compares the gradients of a backward with others, one after the other as they come.

    Attributes:
        kept: these gradients, where they are to be kept.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], ours: Gradients, keeps: bool = False) -> None:
        """Watch parameters, whose `.grad` is None, for `ours`; one that is not in there has none."""
        self._ours, self._keeps = dict(ours), keeps
        self.kept: Gradients = {}
        self._norms: list[torch.Tensor] = []  # of the difference and of the gradient, for each parameter
        self._handles = [
            p.register_post_accumulate_grad_hook(self._compare)  # type: ignore[no-untyped-call]
            for p in parameters
        ]

    def _compare(self, parameter: torch.Tensor) -> None:
        gradient, parameter.grad = parameter.grad, None
        assert gradient is not None
        if self._keeps:
            self.kept[parameter] = gradient  # type: ignore[index]
        theirs = gradient.float()
        ours = self._ours.pop(parameter, None)  # type: ignore[call-overload]
        difference = theirs if ours is None else theirs - ours.float()
        self._norms.append(torch.stack([torch.linalg.vector_norm(difference), torch.linalg.vector_norm(theirs)]))

    def error(self, of_all: bool) -> float:
        """Return |ours - theirs| / |theirs| of all gradients, or else the largest of one; stop watching.

        In 16 bit a single small gradient may be rounding for the most part.
        """
        for handle in self._handles:
            handle.remove()
        self._norms += [torch.stack([ours.float().norm(), ours.new_zeros(()).float()]) for ours in self._ours.values()]
        difference, size = torch.stack(self._norms).double().cpu().unbind(1)
        if of_all:
            return float(difference.norm() / size.norm().clamp(min=1e-30))
        usual = size.square().mean().sqrt()
        return float((difference / (size + _SMALL * usual).clamp(min=1e-30)).max())


class ReferenceComparison:
    """Compares gradients of several kinds with those of a backward, as they come, and keeps none of these."""

    def __init__(self, parameters: Sequence[nn.Parameter], kinds: Sequence[Gradients]) -> None:
        """Watch parameters, whose `.grad` is None; one that a kind doesn't have is zero there."""
        self._kinds = kinds
        self._sums: list[
            torch.Tensor
        ] = []  # of each parameter: |it|^2, then of each kind the difference's, the product
        self._handles = [
            p.register_post_accumulate_grad_hook(self._compare)  # type: ignore[no-untyped-call]
            for p in parameters
        ]

    def _compare(self, parameter: torch.Tensor) -> None:
        gradient, parameter.grad = parameter.grad, None
        assert gradient is not None
        wide = gradient.float()
        sums = [wide.square().sum()]
        for kind in self._kinds:
            found = kind.get(parameter)  # type: ignore[call-overload]
            narrow = torch.zeros_like(wide) if found is None else found.float()
            sums += [(narrow - wide).square().sum(), (narrow * wide).sum()]
        self._sums.append(torch.stack(sums))

    def distances(self) -> list[FromFloat32]:
        """Return where each kind is, all gradients together; stop watching."""
        for handle in self._handles:
            handle.remove()
        size, *others = torch.stack(self._sums).double().sum(0).tolist()
        return [FromFloat32.of(*pair, size) for pair in zip(others[::2], others[1::2], strict=True)]
