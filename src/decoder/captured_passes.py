"""The passes of a micro-batch as CUDA graphs: one launch instead of thousands, which bound small micro-batches.

One graph per token count, captured at first use (the very first micro-batch compiles the kernels instead). All share
one memory pool, since only one is ever between forward and backward, and buffers for inputs, the last layer's output
and its gradient.
"""

import logging
import warnings
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch

from ..data.batches.bins import BESIDE_BYTES
from ..data.batches.packing import MicroBatch
from ..kernels.heads import Sequences
from ..ranks.group import rank_count
from .gradient_branch import GradientBranch, operand_bytes
from .layer_state import among
from .packed_decoder import PackedDecoder, Passes, dropout_seed


class CapturedPasses(Passes):
    """Forward and backward replayed from CUDA graphs, for micro-batches up to `most_tokens`.

    `captured` counts the graphs, a forward and a backward each; `obstacle` says why there are no more, where CUDA has
    refused to capture.
    """

    def __init__(self, decoder: PackedDecoder, most_tokens: int) -> None:
        super().__init__(decoder)
        device, dtype = decoder.embeddings.weight.device, decoder.embeddings.weight.dtype
        self.most_tokens, self.captured = most_tokens, 0
        self._places = torch.zeros(6 * most_tokens, dtype=torch.int64, device=device)
        self._seed = torch.zeros(1, dtype=torch.int64, device=device)
        self._hidden = torch.zeros(most_tokens, decoder.embeddings.embedding_dim, dtype=dtype, device=device)
        self._graphs: dict[int, tuple[torch.cuda.CUDAGraph, torch.cuda.CUDAGraph]] = {}
        self._compiled = False
        self.obstacle: str | None = None
        self._pool: Any = None
        self._under_way: tuple[torch.Tensor, int, bool] | None = None

    @property
    def sizes(self) -> list[int]:
        """Return the numbers of tokens that have graphs."""
        return list(self._graphs)

    def fits(self, batch: MicroBatch) -> bool:
        """Tell whether a micro-batch is within the buffers."""
        return len(batch.input_ids) <= self.most_tokens

    def forward(self, batch: MicroBatch, key: tuple[int, int] | None) -> torch.Tensor:
        """As `Passes.forward`, but the last layer computes all tokens: a graph knows their number, not the targets.

        Micro-batches without a graph are computed so too: a resumed run has other graphs, and must get the same bits.
        """
        tokens = len(batch.input_ids)
        inputs = self._copy_inputs(batch, key)
        if tokens not in self._graphs and self._compiled and self.obstacle is None:
            if not self._graphs:
                torch.cuda.empty_cache()  # graphs have a pool of their own: free what the first micro-batch took
            try:
                self._graphs[tokens] = self._capture(inputs, key)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                self.obstacle = str(error).splitlines()[0]
                logging.getLogger("yoyak").warning("No CUDA graphs, so small micro-batches are slow: %s", self.obstacle)
        if tokens not in self._graphs:
            self._compiled = True
            hidden = self._run(inputs, self._sequences(inputs), self._drops(inputs, key))
            self._under_way = batch.target_positions, tokens, False
            return hidden[batch.target_positions]
        forward, _ = self._graphs[tokens]
        forward.replay()
        self._under_way = batch.target_positions, tokens, True
        return self._hidden[batch.target_positions]

    def backward(self, grad: torch.Tensor) -> torch.Tensor:
        """As `Passes.backward`; the result is overwritten by the next call."""
        assert self._under_way is not None
        (target_positions, tokens, replayed), self._under_way = self._under_way, None
        if not replayed:
            return super().backward(among(tokens, target_positions, grad))
        hidden = self._hidden[:tokens].zero_()  # the output is not needed any more
        hidden[target_positions] = grad
        _, backward = self._graphs[tokens]
        backward.replay()
        return hidden

    def _capture(
        self, inputs: MicroBatch, key: tuple[int, int] | None
    ) -> tuple[torch.cuda.CUDAGraph, torch.cuda.CUDAGraph]:
        forward, backward = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        hidden = self._hidden[: len(inputs.input_ids)]
        with warnings.catch_warnings():
            # It is said where memory runs out within the capture, whose own error comes after it.
            warnings.filterwarnings("ignore", "The CUDA Graph is empty")
            mode = "global" if rank_count() == 1 else "thread_local"  # NCCL has a thread that asks for its events
            with torch.cuda.graph(forward, pool=self._pool, capture_error_mode=mode):
                hidden.copy_(self._run(inputs, self._sequences(inputs), self._drops(inputs, key)))
            self._pool = forward.pool()
            with torch.cuda.graph(backward, pool=self._pool, capture_error_mode=mode):
                with self._branch.beside(self.decoder.linears) if self._branch else nullcontext():
                    grad = super().backward(hidden)
                hidden.copy_(grad)
        self.captured += 1
        return forward, backward

    @cached_property
    def _branch(self) -> GradientBranch | None:
        """What adds adapters' gradients beside the backward, where all micro-batches are small."""
        adapted = any(linear.ranks for linear in self.decoder.linears)
        most = max(operand_bytes(layer.linears, self.most_tokens) for layer in self.decoder.layers)
        return GradientBranch(self._hidden.device) if adapted and most <= BESIDE_BYTES else None

    @staticmethod
    def _sequences(inputs: MicroBatch) -> Sequences:
        return Sequences([], inputs.positions, inputs.ends, inputs.shared, inputs.before)

    def _drops(self, inputs: MicroBatch, key: tuple[int, int] | None) -> Any:
        return self.decoder.drops(inputs, key, self._seed)

    def _copy_inputs(self, batch: MicroBatch, key: tuple[int, int] | None) -> MicroBatch:
        """Return the micro-batch with what the layers read in the shared buffers."""
        places = self._places[: batch.places.numel()].view_as(batch.places)
        places.copy_(batch.places, non_blocking=True)
        if key is not None:
            self._seed.fill_(dropout_seed(key))
        return replace(batch, places=places)
