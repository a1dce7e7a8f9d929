"""What the caching allocator of PyTorch gives for a tensor."""

_SMALL, _LARGE = 1 << 20, 10 << 20  # its classes of sizes


def block(size: float) -> int:
    """Return what the caching allocator gives for a tensor: multiples of 512 bytes; of 2 MiB from 10 MiB on, of which
    it splits off and keeps a rest only above 1 MiB (c10/cuda/CUDACachingAllocator.cpp).
    """
    rounded = max(512, -(-int(size) // 512) * 512)
    if rounded < _LARGE:
        return rounded
    segment = -(-rounded // (2 * _SMALL)) * (2 * _SMALL)
    return segment if segment - rounded <= _SMALL else rounded
