"""The order of a beam search's caches: beams go on from the keys and values of whichever beams were chosen."""

from collections.abc import Sequence

import torch


def reorder_beams(
    caches: Sequence[torch.Tensor], order: torch.Tensor, starts: torch.Tensor, lengths: torch.Tensor
) -> None:
    """Give each beam the places of the beam that it goes on from, in place; a prompt's are all its beams' already.

    Args:
        caches: keys or values, (rows, heads, places, width) each; a prompt's beams are neighbours.
        order: (prompts, beams) of the first rows: which beam of its prompt each takes over.
        starts: (prompts,) the place after the prompt.
        lengths: (prompts,) places filled.
    """
    if order.is_cuda:
        from .cuda import beam_order as cuda

        return cuda.reorder_beams(caches, order, starts, lengths)
    beams = order.shape[1]
    for prompt, (its, start, end) in enumerate(zip(order.tolist(), starts.tolist(), lengths.tolist(), strict=True)):
        moved = [beam for beam in range(beams) if its[beam] != beam]
        if not moved or start == end:
            continue
        target = torch.tensor([prompt * beams + beam for beam in moved])
        source = torch.tensor([prompt * beams + its[beam] for beam in moved])
        for states in caches:
            new = states[:, :, start:end]
            new.index_copy_(0, target, new.index_select(0, source))
