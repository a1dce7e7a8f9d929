"""The order of beams' caches in Triton and on the CPU equals that of copies."""

import pytest
import torch

from src.kernels import beam_order


def copied(caches: list[torch.Tensor], order: torch.Tensor, spans: list[tuple[int, int]]) -> list[torch.Tensor]:
    """Return caches in another order, place by place from the old ones."""
    beams, result = order.shape[1], [states.clone() for states in caches]
    for new, old in zip(result, caches, strict=True):
        for prompt, its in enumerate(order.tolist()):
            for beam, source in enumerate(its):
                for place in range(*spans[prompt]):
                    new[prompt * beams + beam, :, place] = old[prompt * beams + source, :, place]
    return result


@pytest.mark.parametrize(("beams", "width"), [(2, 64), (4, 128), (3, 16), (7, 96), (70, 64)])
def test_beams_take_over_places(device: torch.device, beams: int, width: int) -> None:
    """An order that is as it was, nothing to take over, one place, several blocks; rows beyond stay as they are."""
    from src.kernels.cuda import beam_order as cuda

    torch.manual_seed(0)
    caches = [torch.randn(6 * beams, 2, 100, width) for _ in range(2)]
    order = torch.randint(0, beams, (5, beams))
    order[1] = torch.arange(beams)
    spans = [(3, 40), (9, 41), (0, 0), (30, 99), (60, 61)]
    starts, lengths = torch.tensor(spans).T
    wanted = copied(caches, order, spans)
    there = [states.to(device, copy=True) for states in caches]
    cuda.reorder_beams(there, order.to(device), starts.to(device), lengths.to(device))
    beam_order.reorder_beams(caches, order, starts, lengths)
    for here, other, one in zip(caches, there, wanted, strict=True):
        assert torch.equal(here, one)
        assert torch.equal(other.cpu(), one)
