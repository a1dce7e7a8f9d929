"""Layers that compute again in the backward."""

from typing import Any

import torch

from src.models.recomputed import recomputed_layers
from src.tests.packed_models import adapted_model


def kept_and_gradients(model: Any) -> tuple[int, list[torch.Tensor]]:
    """Return the bytes that a forward keeps, and the gradients of the backward after it."""
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = model(input_ids=torch.arange(60).view(2, 30), use_cache=False).logits.float().square().mean()
    loss.backward()
    found = [p.grad for p in model.parameters() if p.requires_grad]
    for parameter in model.parameters():
        parameter.grad = None
    return sum(kept.values()), found


def test_they_keep_less_and_gradients_are_the_same() -> None:
    model = adapted_model("llama", torch.float32, {}).eval()
    layers = model.get_base_model().model.layers
    own = layers[0].forward
    layers[1].forward = layers[1].forward  # as accelerate's hooks put one into a layer
    kept, gradients = kept_and_gradients(model)
    with recomputed_layers(model.get_base_model()):
        less, again = kept_and_gradients(model)
    assert less < 0.5 * kept
    assert all(torch.equal(one, other) for one, other in zip(gradients, again, strict=True))
    assert layers[0].forward == own
    assert ["forward" in vars(layer) for layer in layers[:2]] == [False, True]
