"""Steps of a batch whose rows come and go, on a GPU as CUDA graphs: one launch a token instead of hundreds."""

from collections.abc import Sequence
from typing import Any

import torch

from ..inference.cached_decoder import Cache, CachedDecoder
from ..kernels.packed_attention import Rotary


class CapturedSteps:
    """Steps over the first rows of some caches, which stay where they are.

    A graph is for a fixed number of rows, so these are rounded up to a power of two. The rows beyond the batch's hold
    nothing: each counts as an empty sequence, whose new token goes to place 0, where a prompt will overwrite it.

    Attributes:
        captured: number of graphs.
    """

    def __init__(self, decoder: CachedDecoder, caches: Sequence[Cache], rotary: Rotary) -> None:
        """Take caches of as many rows as `padded_rows` of the largest batch."""
        self._decoder, self._caches, self._rotary = decoder, caches, rotary
        self._inputs = torch.zeros(2, len(caches[0][0]), dtype=torch.int64, device=decoder.embeddings.device)
        self._graphs: dict[int, tuple[torch.cuda.CUDAGraph, torch.Tensor] | None] = {}
        self._pool: Any = None
        self.captured = 0

    def step(self, tokens: Sequence[int], lengths: Sequence[int]) -> torch.Tensor:
        """Append a token to each row; return the logits after it (rows, vocabulary), overwritten by the next call.

        Args:
            tokens: one a row.
            lengths: tokens that each row holds already.
        """
        rows = padded_rows(len(tokens), self._inputs.device)
        empty = [0] * (rows - len(tokens))
        self._inputs[:, :rows].copy_(torch.tensor([[*tokens, *empty], [*lengths, *empty]]))
        return self._logits(rows)[: len(tokens)]

    def _logits(self, rows: int) -> torch.Tensor:
        if self._inputs.is_cpu:
            return self._run(rows)
        if rows not in self._graphs:  # the first time compiles the kernels
            self._graphs[rows] = None
            return self._run(rows)
        found = self._graphs[rows]
        if found is None:
            found = self._graphs[rows] = self._capture(rows)
        graph, logits = found
        graph.replay()
        return logits

    def _capture(self, rows: int) -> tuple[torch.cuda.CUDAGraph, torch.Tensor]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            logits = self._run(rows)
        self._pool = graph.pool()
        self.captured += 1
        return graph, logits

    def _run(self, rows: int) -> torch.Tensor:
        ids, lengths = self._inputs[:, :rows]
        caches = [(keys[:rows], values[:rows]) for keys, values in self._caches]
        return self._decoder.step(ids, lengths, caches, self._rotary)


def padded_rows(rows: int, device: torch.device) -> int:
    """Return how many rows a step computes for so many sequences: on a GPU the next power of two."""
    return rows if device.type == "cpu" else 1 << (rows - 1).bit_length()
