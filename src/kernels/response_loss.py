"""Cross entropy of response positions with its gradient, in chunks: logits exist for some positions at a time only."""

import torch

from .few_rows import linear

_CHUNK = 1024  # positions whose logits exist at a time: 1024 x 128,256 in bfloat16 are 263 MB


def response_loss_and_gradient(
    states: torch.Tensor,
    head: torch.Tensor,
    targets: torch.Tensor,
    scale: float,
    grad_head: torch.Tensor | None = None,
    weights: torch.Tensor | None = None,
    counted: torch.Tensor | None = None,
    cap: float | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the summed loss in nats (float32 scalar) and `scale` times its gradient by the states.

    Args:
        states: (positions, width), normalized hidden states.
        head: (vocabulary, width).
        targets: (positions,), the tokens to predict.
        scale: factor of the gradient, such as 1 / target tokens of the step.
        grad_head: (vocabulary, width), where the head trains: `scale` times its gradient is added.
        weights: (positions,) factors of the gradient, each position's own, beside `scale`; the loss is without them.
        counted: (positions,) factors of the loss, each position's own; the gradient is without them.
        cap: see `capped`.
    """
    total = states.new_zeros((), dtype=torch.float64 if states.dtype == torch.float64 else torch.float32)
    gradients = []
    chunk = _CHUNK if cap is None else max(_CHUNK // 2, 1)  # a cap's slopes stand beside the logits
    for first in range(0, len(states), chunk):
        some, wanted = states[first : first + chunk], targets[first : first + chunk]
        logits = capped(linear(some, head), cap)
        slopes = None if cap is None else (logits / cap).square_().neg_().add_(1)
        losses, logits = cross_entropy(logits, wanted)
        if slopes is not None:
            logits.mul_(slopes)
        total += (losses if counted is None else losses * counted[first : first + chunk]).sum()
        gradients.append((logits @ head).mul_(scale))
        if weights is not None:
            factors = weights[first : first + chunk, None].to(some.dtype)
            gradients[-1].mul_(factors)
            some = some * factors
        if grad_head is not None:
            grad_head.addmm_(logits.t(), some, alpha=scale)
        del logits, slopes  # before the next chunk's
    return total, torch.cat(gradients) if gradients else torch.zeros_like(states)


def token_losses(
    states: torch.Tensor, head: torch.Tensor, targets: torch.Tensor, cap: float | None = None
) -> torch.Tensor:
    """Return each position's loss in nats (positions,), at least float32; arguments as above."""
    parts = zip(torch.split(states, _CHUNK), torch.split(targets, _CHUNK), strict=True)
    return torch.cat([cross_entropy(capped(linear(some, head), cap), wanted)[0] for some, wanted in parts])


def capped(logits: torch.Tensor, cap: float | None) -> torch.Tensor:
    """Return `cap tanh(logits / cap)` (Gemma 2 and 4), in place; with None the logits as they are."""
    return logits if cap is None else logits.div_(cap).tanh_().mul_(cap)


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return each position's loss and its gradient by the logits, which are overwritten where possible."""
    if logits.is_cuda:
        from .cuda.response_loss import cross_entropy_in_place

        return cross_entropy_in_place(logits, targets), logits
    dtype = logits.dtype
    logits = logits if dtype == torch.float64 else logits.float()
    most = logits.amax(dim=-1, keepdim=True)
    wanted = logits.gather(1, targets[:, None]) - most
    # Not log_softmax: its float32 sum over a vocabulary is off by 2e-5, always to one side.
    probabilities = logits.sub_(most).exp_()
    total = probabilities.sum(dim=-1, keepdim=True)
    losses = (total.log() - wanted).squeeze(1)
    probabilities.div_(total)
    probabilities.scatter_add_(1, targets[:, None], -torch.ones_like(losses)[:, None])
    return losses, probabilities.to(dtype)
