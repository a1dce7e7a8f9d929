"""Products with few rows for their weight on a CPU, as in each step of generation and in a head.

MKL, torch's way in float32, rearranges the weight at each product: 20 rows by 608 x 3,072 took 2.3 ms on two AVX2 cores
and 40 ms by 576 x 49,152; oneDNN reads it as it lies, and took 1.4 and 22 ms.
"""

from functools import cache

import torch

_MOST_ROWS = 64  # with more than some 96 rows MKL is as fast
_WIDE = 30_000  # but not for the head of a vocabulary: 127 ms for 190 rows of 49,152, against 83


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Return `x @ weight.T + bias` (rows, out) of x (rows, in) and the weight (out, in), both contiguous."""
    global _has_failed
    few = 0 < len(x) <= _MOST_ROWS or len(weight) >= _WIDE
    if few and x.is_cpu and x.dtype == torch.float32 and _has_onednn() and not _has_failed:
        try:
            result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
        except RuntimeError:  # once out of memory, it fails for as long as the process lives
            _has_failed = True
        else:
            return result
    return x @ weight.t() if bias is None else torch.addmm(bias, x, weight.t())


_has_failed = False


def leaves_onednn() -> bool:
    """Tell whether oneDNN has failed in this process, so that all products are MKL's, which round otherwise."""
    return _has_failed


def leave_onednn() -> None:
    """Go on without oneDNN, as the earlier process of a run did once it had failed there."""
    global _has_failed
    _has_failed = True


@cache
def _has_onednn() -> bool:
    """Tell whether torch was built with oneDNN and has the operation that its compiler uses for linear layers."""
    return torch.backends.mkldnn.is_available() and hasattr(  # type: ignore[no-untyped-call]
        torch.ops.mkldnn, "_linear_pointwise"
    )
