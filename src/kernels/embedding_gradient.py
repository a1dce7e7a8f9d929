"""The gradient of an embedding table, added to the table's own rows: no second table is made."""

import torch

_CHUNK = 4096  # rows at a time, which exist three times in float32


def add_embedding_gradient(
    total: torch.Tensor, ids: torch.Tensor, grad: torch.Tensor, padding_idx: int | None = None
) -> None:
    """Add each row of `grad` (tokens, width) to the row of `total` (vocabulary, width) that its id names.

    Rows of one id (tokens,), int64, are summed first (in chunks), in float32 and always in the same order, by the
    kernel of torch's own embedding. No size depends on the ids, so nothing waits for a GPU. The row `padding_idx` gets
    nothing, as in `torch.nn.Embedding`: its token may be in the text, where it is that of an end too.
    """
    for some, rows in zip(torch.split(ids, _CHUNK), torch.split(grad, _CHUNK), strict=True):
        _add_chunk(total, some, rows, padding_idx)


def _add_chunk(total: torch.Tensor, ids: torch.Tensor, grad: torch.Tensor, padding_idx: int | None) -> None:
    ordered, order = torch.sort(ids, stable=True)
    begins = torch.ones_like(ordered)
    begins[1:] = ordered[1:] != ordered[:-1]
    groups = begins.cumsum(0) - 1
    wide = grad[order].to(torch.promote_types(grad.dtype, torch.float32))
    if padding_idx is not None:
        wide.masked_fill_((ordered == padding_idx).unsqueeze(1), 0)
    sums = torch.ops.aten.embedding_dense_backward(wide, groups, len(ids), -1, False)
    names = torch.zeros_like(ids).scatter_(0, groups, ordered)  # after the last group: zeros for the first row
    total.index_add_(0, names, sums.to(total.dtype))
