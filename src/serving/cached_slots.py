"""Slots on the project's own decoder layers: prompts packed without padding, one product for base and adapter."""

from collections.abc import Sequence
from typing import Any

import torch

from ..inference.cached_decoder import CachedDecoder
from ..models.model_layers import rotary_table
from .captured_steps import CapturedSteps, padded_rows

_LENGTH_STEP = 256
"""Slots grow by this many positions at a time."""


class CachedSlots:
    """What `Slots` is, for a model that `decoder_obstacle` has nothing against: the same rows, faster."""

    def __init__(self, model: Any) -> None:
        """Read the model's layers, and its adapter's values as they are now."""
        self._decoder = CachedDecoder(model)
        self._device = self._decoder.embeddings.device
        self._caches: list[tuple[torch.Tensor, torch.Tensor]] = [(torch.empty(0), torch.empty(0))] * len(
            self._decoder.layers
        )
        self._rotary = (torch.empty(0), torch.empty(0))
        self._steps: CapturedSteps | None = None
        self._capacity = (0, 0)
        self.lengths: list[int] = []

    def __len__(self) -> int:
        """Return the number of sequences."""
        return len(self.lengths)

    def add(self, prompts: Sequence[list[int]]) -> torch.Tensor:
        """Add sequences at the end of the batch; return the logits after each, (prompts, vocabulary)."""
        lengths = [len(ids) for ids in prompts]
        self._reserve(len(self) + len(prompts), max(lengths) + 1)
        rows = range(len(self), len(self) + len(prompts))
        states = self._decoder.read_prompts(prompts, rows, self._caches, self._rotary)
        self.lengths += lengths
        return self._decoder.logits(states)

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """Append one token to each sequence; return the logits after it, (sequences, vocabulary).

        The logits are overwritten by the next step.
        """
        self._reserve(padded_rows(len(self), self._device), max(self.lengths) + 1)
        if self._steps is None:
            self._steps = CapturedSteps(self._decoder, self._caches, self._rotary)
        logits = self._steps.step(tokens, self.lengths)
        self.lengths = [length + 1 for length in self.lengths]
        return logits

    def remove(self, row: int) -> None:
        """Free a sequence's slot; the last sequence takes its place (as `list[row] = list.pop()` does)."""
        last = len(self) - 1
        if row != last:
            length = self.lengths[row] = self.lengths[last]
            for states in (states for cache in self._caches for states in cache):
                states[row, :, :length] = states[last, :, :length]
        self.lengths.pop()

    def _reserve(self, rows: int, length: int) -> None:
        """Let slots and the table of rotations grow where they are too small."""
        has_rows, has_length = self._capacity
        if rows <= has_rows and length <= has_length:
            return
        rows = max(rows, 2 * has_rows) if rows > has_rows else has_rows
        length = max(-(-length // _LENGTH_STEP) * _LENGTH_STEP, has_length)
        shape, like = self._decoder.layers[0].shape, self._decoder.embeddings
        for index, cache in enumerate(self._caches):
            # Zeros, not whatever memory held: a masked NaN would still spoil the sum over values.
            grown = [like.new_zeros(rows, shape.key_heads, length, shape.width) for _ in cache]
            if has_rows:
                for old, new in zip(cache, grown, strict=True):
                    new[:has_rows, :, :has_length] = old
            self._caches[index] = (grown[0], grown[1])
        self._rotary = rotary_table(self._decoder.rotary_embedding, like, torch.arange(length, device=self._device))
        self._capacity, self._steps = (rows, length), None
