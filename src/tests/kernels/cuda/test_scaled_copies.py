"""One launch against a copy and a product for each tensor, bit for bit."""

import pytest
import torch


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float32])
def test_equals_copies_and_products(device: torch.device, kind: torch.dtype) -> None:
    from src.kernels.cuda.scaled_copies import ScaledCopies

    torch.manual_seed(0)
    shapes = [(16, 40), (300, 16), (1, 7), (5, 3)]  # the second is of more than one block
    sources = [torch.randn(shape, device=device) for shape in shapes]
    wide = [torch.full((rows, columns + 9), 7.0, dtype=kind, device=device) for rows, columns in shapes]
    places = [one[:, 4 : 4 + columns] for one, (_, columns) in zip(wide, shapes, strict=True)]
    assert ScaledCopies.suit(sources, places)
    copies = ScaledCopies(sources, places)

    def assert_copied(factors: list[float]) -> None:
        copies(factors)
        for source, place, factor in zip(sources, places, factors, strict=True):
            wanted, cuts = source.to(kind).mul_(factor), kind == torch.bfloat16 and device.type == "cpu"
            # Triton's interpreter cuts bits off where a GPU rounds.
            assert torch.allclose(place, wanted, rtol=2**-6) if cuts else torch.equal(place, wanted)
        for one, (_, columns) in zip(wide, shapes, strict=True):
            assert (one[:, :4] == 7).all()
            assert (one[:, 4 + columns :] == 7).all()

    assert_copied([2.0 / 0.95, 1.0, 0.3, 1.5])
    sources[0].mul_(3)  # the same memory with new values
    assert_copied([2.0 / 0.95, 1.0, 0.3, 1.5])
    sources[1].data = torch.randn(shapes[1], device=device)  # other memory
    assert_copied([2.0, 1.0, 0.3, 1.5])


def test_what_it_does_not_suit(device: torch.device) -> None:
    from src.kernels.cuda.scaled_copies import ScaledCopies

    one, half = torch.zeros(4, 6, device=device), torch.zeros(4, 6, dtype=torch.bfloat16, device=device)
    assert ScaledCopies.suit([one], [half])
    assert not ScaledCopies.suit([one, half], [half, half])
    assert not ScaledCopies.suit([one[:, :3]], [half[:, :3]])
    assert not ScaledCopies.suit([one.t().contiguous()], [half.t()])
    assert not ScaledCopies.suit([one.double()], [half])
