"""Slots on the project's own decoder layers: prompts packed without padding, one product for base and adapter."""

from collections.abc import Sequence
from typing import Any

import torch

from ..data.packing import assign_to_bins
from ..inference.cached_decoder import CachedDecoder
from ..kernels.packed_attention import Sequences
from ..kernels.rms_norm import rms_norm
from ..models.decoder_layer import SITES, rotary_table

_LENGTH_STEP = 256
"""Slots grow by this many positions at a time."""
_PACK_TOKENS = {"cpu": 1024, "cuda": 16384}
"""Of a packed batch of prompts, by device."""


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
        self._capacity = (0, 0)
        self.lengths: list[int] = []

    def __len__(self) -> int:
        """Return the number of sequences."""
        return len(self.lengths)

    def add(self, prompts: Sequence[list[int]]) -> torch.Tensor:
        """Add sequences at the end of the batch; return the logits after each, (prompts, vocabulary)."""
        lengths = [len(ids) for ids in prompts]
        self._reserve(len(self) + len(prompts), max(lengths) + 1)
        states = self._decoder.embeddings.new_empty(len(prompts), self._decoder.embeddings.shape[1])
        for chosen in assign_to_bins(lengths, _PACK_TOKENS[self._device.type]):
            states[chosen] = self._read([prompts[index] for index in chosen], [len(self) + index for index in chosen])
        self.lengths += lengths
        return self._logits(states)

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """Append one token to each sequence; return the logits after it, (sequences, vocabulary)."""
        self._reserve(len(self), max(self.lengths) + 1)
        lengths = torch.tensor(self.lengths, device=self._device)
        rotary = self._rotary[0][lengths], self._rotary[1][lengths]
        hidden = self._decoder.embeddings[torch.tensor(tokens, device=self._device)]
        for layer, (keys, values) in zip(self._decoder.layers, self._caches, strict=True):
            hidden = layer.step(hidden, rotary, (keys[: len(self)], values[: len(self)]), lengths)
        self.lengths = [length + 1 for length in self.lengths]
        return self._logits(hidden)

    def remove(self, row: int) -> None:
        """Free a sequence's slot; the last sequence takes its place (as `list[row] = list.pop()` does)."""
        last = len(self) - 1
        if row != last:
            length = self.lengths[row] = self.lengths[last]
            for states in (states for cache in self._caches for states in cache):
                states[row, :, :length] = states[last, :, :length]
        self.lengths.pop()

    def _read(self, prompts: Sequence[list[int]], rows: Sequence[int]) -> torch.Tensor:
        """Put the keys and values of prompts into rows; return the last layer's output at each prompt's end."""
        lengths = torch.tensor([len(ids) for ids in prompts], device=self._device)
        ends = lengths.cumsum(0)
        row_of_token = torch.repeat_interleave(torch.tensor(rows, device=self._device), lengths)
        positions = torch.cat([torch.arange(len(ids), device=self._device) for ids in prompts])
        sequences = Sequences([0, *ends.tolist()], positions, torch.repeat_interleave(ends, lengths))
        rotary = self._rotary[0][positions], self._rotary[1][positions]
        tokens = torch.tensor([token for ids in prompts for token in ids], device=self._device)
        hidden = self._decoder.embeddings[tokens]
        for layer, (keys, values) in zip(self._decoder.layers, self._caches, strict=True):
            hidden, saved = layer.forward(hidden, rotary, sequences, (None,) * SITES)
            keys[row_of_token, :, positions], values[row_of_token, :, positions] = saved.attention.keys_and_values()
        states: torch.Tensor = hidden[ends - 1]
        return states

    def _logits(self, hidden: torch.Tensor) -> torch.Tensor:
        states, norm = torch.empty_like(hidden), self._decoder.norm
        rms_norm(hidden, norm.weight, norm.variance_epsilon, states)
        logits: torch.Tensor = states @ self._decoder.head.t()
        return logits

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
        self._capacity = (rows, length)
