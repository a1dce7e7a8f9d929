"""What a probe has found: an engine's loss beside the model's own, and whether they agree."""

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from .in_float32 import FromFloat32, is_rounding


@dataclass(frozen=True)
class Probe:
    """What an engine and the model's own `forward` made of the same tokens.

    Attributes:
        engine: which one.
        loss: its mean loss, in nats a target token.
        own_loss: that of the model's own `forward`.
        error: largest relative difference of a weight's gradient (training) or of the logits (generation); None
            where neither was compared.
        agrees: whether loss and error are within `BOUNDS`, or else no further from float32 than rounding takes them.
        seconds: that it took.
        from_float32: |engine - float32| / |float32| of what `error` compares, where float32 was asked.
        own_from_float32: the same of the model's own `forward`.
    """

    engine: str
    loss: float
    own_loss: float
    error: float | None
    agrees: bool
    seconds: float
    from_float32: float | None = None
    own_from_float32: float | None = None

    def record(self) -> dict[str, Any]:
        """Return its attributes; what float32 says only where it was asked."""
        never_asked = () if self.from_float32 is not None else ("from_float32", "own_from_float32")
        return {name: value for name, value in asdict(self).items() if name not in never_asked}

    def __str__(self) -> str:
        loss, own = _told_apart(self.loss, self.own_loss)
        apart = f", {self.error:.1g} apart" if self.error is not None else ""
        if self.from_float32 is not None:
            apart += f" ({self.from_float32:.2g} and {self.own_from_float32:.2g} from float32)"
        return f"loss {loss} by the {self.engine} engine, {own} by the model's own forward{apart}"

    @property
    def ko(self) -> str:
        """The phrase in Korean."""
        loss, own = _told_apart(self.loss, self.own_loss)
        apart = f", 차이 {self.error:.1g}" if self.error is not None else ""
        if self.from_float32 is not None:
            apart += f"(float32와의 차이 {self.from_float32:.2g}, {self.own_from_float32:.2g})"
        return f"{self.engine} 엔진의 손실 {loss}, 모델 자체 forward의 손실 {own}{apart}"


def _told_apart(one: float, other: float) -> tuple[str, str]:
    """Return two numbers with as many decimals as it takes to see that they differ, if they do by 1e-6."""
    for decimals in (4, 5):
        if f"{one:.{decimals}f}" != f"{other:.{decimals}f}":
            return f"{one:.{decimals}f}", f"{other:.{decimals}f}"
    return f"{one:.6f}", f"{other:.6f}"


def compare_losses(
    engine: str, loss: float, own_loss: float, error: float | None, bounds: tuple[float, float], start: float
) -> Probe:
    """Return the probe of what was found; a number that is not finite agrees only where both losses are not."""
    if not torch.isfinite(torch.tensor(own_loss)):  # a broken model, which is found elsewhere
        agrees = not torch.isfinite(torch.tensor(loss))
    else:
        agrees = abs(loss - own_loss) <= bounds[0] * max(abs(own_loss), 0.1)
        agrees = agrees and (error is None or error <= bounds[1])
    return Probe(engine, loss, own_loss, error, bool(agrees), time.perf_counter() - start)


def beside_float32(
    found: Probe, ours: FromFloat32, own: FromFloat32, wide_loss: float, most_loss: float, start: float
) -> Probe:
    """Return the probe of an engine that disagrees with the model in 16 bit, by where both are from float32.

    `wide_loss` is the model's own in float32, from which the engine's may be `most_loss` of it.
    """
    agrees = is_rounding(ours, own) and abs(found.loss - wide_loss) <= most_loss * max(abs(wide_loss), 0.1)
    seconds = time.perf_counter() - start
    return replace(found, agrees=agrees, seconds=seconds, from_float32=ours.distance, own_from_float32=own.distance)
