"""Two micro-batches at a time on a CPU, each on half of its threads.

Many products of attention are small: on two threads three key heads keep one of these waiting for a third of the time,
and each small operation makes both meet. One thread for each micro-batch meets the other once a step.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from copy import copy
from dataclasses import replace
from threading import Event

import torch

from ..data.batches.bins import SIDE_BY_SIDE
from ..data.batches.packing import MicroBatch
from ..kernels.adapted_linear import AdaptedLinear
from .decoder_layer import DecoderLayer
from .gradient_buffer import GradientBuffer, adapter_gradients
from .packed_decoder import PackedDecoder


def runs_side_by_side(decoder: PackedDecoder) -> bool:
    """Tell whether two micro-batches at a time can be computed: on a CPU, with adapters, whose gradients are small."""
    adapters = any(linear.ranks for linear in decoder.linears)
    return decoder.embeddings.weight.is_cpu and adapters and torch.get_num_threads() >= SIDE_BY_SIDE


class SideBySide:
    """Computes the micro-batches of a step in two threads.

    Which thread computes which is fixed, and so is the order in which gradients are added: runs stay reproducible.
    """

    def __init__(self, decoder: PackedDecoder) -> None:
        self.decoder, self.other = decoder, _with_own_gradients(decoder)
        # One thread for good: each new one may get another of malloc's arenas, all of which keep what is freed.
        self._thread = ThreadPoolExecutor(1)

    def add_gradients(
        self, batches: Sequence[MicroBatch], target_tokens: int, dropout_key: tuple[int, int] | None
    ) -> torch.Tensor:
        """As `PackedDecoder.add_gradients`, for all micro-batches of a step, at least two."""
        threads = torch.get_num_threads()
        self.decoder.begin_step(dropout_key)
        self.other.gradients.flat.zero_()
        leaving = Event()

        def losses_of(decoder: PackedDecoder, some: Sequence[MicroBatch]) -> list[torch.Tensor]:
            losses = []
            for batch in some:
                if leaving.is_set():
                    break
                losses.append(decoder.add_gradients(batch, target_tokens, dropout_key, new_step=False))
            return losses

        torch.set_num_threads(threads // SIDE_BY_SIDE)  # a thread keeps the number that holds when it starts
        others = self._thread.submit(losses_of, self.other, batches[1::2])
        try:
            losses = losses_of(self.decoder, batches[::2]) + others.result()
        except BaseException:  # also KeyboardInterrupt, by which a second Ctrl-C leaves
            leaving.set()
            raise
        finally:
            wait([others])
            torch.set_num_threads(threads)
        self.decoder.gradients.flat.add_(self.other.gradients.flat)
        return torch.stack(losses).sum()


def _with_own_gradients(decoder: PackedDecoder) -> PackedDecoder:
    other = copy(decoder)
    other.layers = [_layer_with_own_gradients(layer) for layer in decoder.layers]
    other.linears = [linear for layer in other.layers for linear in layer.linears]
    other.gradients = GradientBuffer(list(adapter_gradients(other.linears)))
    other.gradients.attach()
    return other


def _layer_with_own_gradients(layer: DecoderLayer) -> DecoderLayer:
    other = copy(layer)
    other.linears = tuple(_linear_with_own_gradients(linear) for linear in layer.linears)
    other.qkv, other.output, other.gate_up, other.down = other.linears
    return other


def _linear_with_own_gradients(linear: AdaptedLinear) -> AdaptedLinear:
    other = copy(linear)
    other.blocks = [replace(block) for block in linear.blocks]
    return other
