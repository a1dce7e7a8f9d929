"""Where the CPU's wide weights lie."""

import pytest
import torch

from src.decoder.fused_weights import Arena


@pytest.fixture
def dirty_memory():
    """What is not written holds NaN."""
    torch.use_deterministic_algorithms(True)
    assert torch.utils.deterministic.fill_uninitialized_memory
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_begin_as_zeros_whatever_memory_held(dirty_memory, dtype):
    """Columns beside a layer's own B are multiplied too: they must stay zero."""
    arena = Arena()
    assert torch.empty(3).isnan().all()
    for rows, columns in ((3, 5), (7, 64), (1, 1)):
        weight = arena.zeros(rows, columns, dtype)
        assert (weight.shape, weight.dtype) == ((rows, columns), dtype)
        assert torch.equal(weight, torch.zeros(rows, columns, dtype=dtype))


def test_weights_of_a_block_lie_side_by_side_and_share_nothing():
    arena = Arena()
    first, second = arena.zeros(3, 5, torch.float32), arena.zeros(2, 64, torch.float32)
    assert second.data_ptr() - first.data_ptr() == 64 * 4  # 15 elements, up to 64
    third = arena.zeros(1, 64, torch.float32)
    assert third.data_ptr() - second.data_ptr() == 128 * 4
    first.fill_(1.0)
    third.fill_(2.0)
    assert torch.equal(second, torch.zeros(2, 64))
    assert first.untyped_storage().nbytes() == 64 << 20


def test_another_type_or_no_room_takes_another_block():
    arena = Arena()
    first = arena.zeros(4, 64, torch.float32)
    other = arena.zeros(4, 64, torch.bfloat16)
    assert other.untyped_storage().data_ptr() != first.untyped_storage().data_ptr()
    assert other.untyped_storage().nbytes() == 64 << 20
    whole = arena.zeros(32 << 10, 1 << 10, torch.bfloat16)  # a block's whole size
    assert whole.untyped_storage().data_ptr() != other.untyped_storage().data_ptr()
    larger = arena.zeros((32 << 10) + 1, 1 << 10, torch.bfloat16)
    assert larger.untyped_storage().nbytes() == (64 << 20) + (1 << 11)


def test_a_block_is_filled_to_its_end():
    arena = Arena()
    first = arena.zeros(4, 64, torch.bfloat16)
    rest = arena.zeros((32 << 20) // 64 - 4, 64, torch.bfloat16)
    assert rest.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
