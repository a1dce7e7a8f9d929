"""A model's own layers without what they keep for a backward."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from torch.utils.checkpoint import checkpoint


@contextmanager
def recomputed_layers(
    causal_lm: Any, within: Callable[[], AbstractContextManager[Any]] = nullcontext
) -> Iterator[None]:
    """Let the layers keep their inputs only, and compute the rest again in the backward, which may come later.

    Args:
        causal_lm: with a list of decoder layers.
        within: makes what a layer is computed in once more, as it is computed in at first.
    """
    layers = list(causal_lm.get_decoder().layers)
    before = [vars(layer).get("forward") for layer in layers]
    contexts = partial(_both, within)
    for layer in layers:
        layer.forward = partial(checkpoint, layer.forward, use_reentrant=False, context_fn=contexts)
    try:
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            if own is None:
                del layer.forward
            else:
                layer.forward = own


def _both(within: Callable[[], AbstractContextManager[Any]]) -> tuple[Any, Any]:
    return nullcontext(), within()
