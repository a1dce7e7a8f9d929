"""The order of a beam search's caches in Triton: one program a prompt, head and block of columns."""

from collections.abc import Sequence

import torch
import triton
import triton.language as tl

_NUMBERS = 4096  # that a program holds at a time


@triton.jit
def _reorder(
    states, order, starts, lengths, places,
    BEAMS: tl.constexpr, BLOCK: tl.constexpr, HEADS: tl.constexpr, WIDTH: tl.constexpr, COLUMNS: tl.constexpr,
    N: tl.constexpr,
):  # fmt: skip
    prompt = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    column = tl.program_id(2) * COLUMNS + tl.arange(0, COLUMNS)
    start = tl.load(starts + prompt).to(tl.int32)
    end = tl.load(lengths + prompt).to(tl.int32)
    beam = tl.arange(0, BLOCK)
    source = tl.load(order + prompt * BEAMS + beam, mask=beam < BEAMS, other=0).to(tl.int32)
    moves = (beam < BEAMS) & (source != beam)
    if tl.sum(moves.to(tl.int32), 0) == 0:
        end = start
    to = ((prompt * BEAMS + beam) * HEADS + head) * places * WIDTH
    of = ((prompt * BEAMS + source) * HEADS + head) * places * WIDTH
    for first in range(start, end, N):
        place = first + tl.arange(0, N)
        at = (place[:, None] * WIDTH + column[None, :])[None, :, :]
        mask = moves[:, None, None] & ((place < end)[:, None] & (column < WIDTH)[None, :])[None, :, :]
        block = tl.load(states + of[:, None, None] + at, mask=mask)
        tl.debug_barrier()  # all is read before anything is overwritten
        tl.store(states + to[:, None, None] + at, block, mask=mask)


def reorder_beams(
    caches: Sequence[torch.Tensor], order: torch.Tensor, starts: torch.Tensor, lengths: torch.Tensor
) -> None:
    """See `kernels.beam_order.reorder_beams`."""
    prompts, beams = order.shape
    order, starts, lengths = order.contiguous(), starts.contiguous(), lengths.contiguous()
    block = triton.next_power_of_2(beams)
    for states in caches:
        _, heads, places, width = states.shape
        columns = min(triton.next_power_of_2(width), max(1, _NUMBERS // block))
        _reorder[(prompts, heads, triton.cdiv(width, columns))](
            states, order, starts, lengths, places, BEAMS=beams, BLOCK=block, HEADS=heads, WIDTH=width,
            COLUMNS=columns, N=max(1, _NUMBERS // block // columns), num_warps=4, num_stages=1,
        )  # fmt: skip
