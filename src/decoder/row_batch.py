"""Sequences that are continued together: they join and leave between steps, and on a GPU a step is one CUDA graph."""

from collections.abc import Sequence
from typing import Any

import torch

from .attention import Cache
from .cached_decoder import CachedDecoder
from .decoder_layer import DecoderLayer
from .layer_state import Rotaries

PLACES_STEP = 256
"""Caches grow by this many places at a time."""


class RowBatch:
    """Rows of caches, each with a sequence; row i of all results is the i-th sequence.

    A graph is for a fixed number of rows, so a GPU's steps are of the next power of two. The rows beyond the batch's
    hold nothing: each counts as an empty sequence, whose new token goes to place 0, where a prompt will overwrite it.
    `captured` counts the graphs.
    """

    def __init__(self, decoder: CachedDecoder) -> None:
        self.decoder = decoder
        self.device = decoder.embeddings.device
        self.captured = 0
        self._caches: list[Cache] = [(torch.empty(0), torch.empty(0))] * len(decoder.layers)
        self._rotaries = Rotaries({})
        self._rows, self._places = 0, 0
        self._tokens = self._lengths = torch.empty(0, dtype=torch.int64)
        self._graphs: dict[int, tuple[torch.cuda.CUDAGraph, torch.Tensor] | None] = {}
        self._pool: Any = None
        self.lengths: list[int] = []

    def __len__(self) -> int:
        return len(self.lengths)

    def add(self, prompts: Sequence[list[int]]) -> torch.Tensor:
        """Add sequences at the end of the batch; return the logits after each, (prompts, vocabulary)."""
        lengths = [len(ids) for ids in prompts]
        self.reserve(len(self) + len(prompts), max(lengths) + 1)
        rows = range(len(self), len(self) + len(prompts))
        self.lengths += lengths
        return self._read(prompts, rows)

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """Append one token to each sequence; return the logits after it, (sequences, vocabulary).

        The logits are overwritten by the next step.
        """
        rows = padded_rows(len(self), self.device)
        self.reserve(rows, max(self.lengths) + 1)
        empty = [0] * (rows - len(self))
        self._tokens[:rows] = torch.tensor([*tokens, *empty], device=self.device)
        self._lengths[:rows] = torch.tensor([*self.lengths, *empty], device=self.device)
        logits = self._stepped(rows)[: len(self)]
        self.lengths = [length + 1 for length in self.lengths]
        return logits

    def remove(self, row: int) -> None:
        """Free a sequence's row; the last sequence takes its place (as `list[row] = list.pop()` does)."""
        last = len(self) - 1
        if row != last:
            length = self.lengths[row] = self.lengths[last]
            for states in self._states(length):
                states[row] = states[last]
        self.lengths.pop()

    def reserve(self, rows: int, places: int) -> None:
        """Let caches and the table of rotations grow where they are too small for so many rows of so many tokens."""
        if rows <= self._rows and places <= self._places:
            return
        rows = max(rows, 2 * self._rows) if rows > self._rows else self._rows
        places = max(-(-places // PLACES_STEP) * PLACES_STEP, self._places)
        for index, layer in enumerate(self.decoder.layers):
            grown = layer.attention.new_cache(rows, places, self.decoder.embeddings)
            if self._rows:
                for old, new in zip(self._caches[index], grown, strict=True):
                    _first(layer, new, self._places)[: self._rows] = old
            self._caches[index] = grown
        self._rotaries = self.decoder.rotations(places)
        self._tokens, self._lengths = torch.zeros(2, rows, dtype=torch.int64, device=self.device)
        self._rows, self._places, self._graphs, self._pool = rows, places, {}, None

    def _read(self, prompts: Sequence[list[int]], rows: Sequence[int]) -> torch.Tensor:
        """Put prompts into rows; return the logits after each. Equal ones are computed once."""
        first: dict[tuple[int, ...], int] = {}
        for number, ids in enumerate(prompts):
            first.setdefault(tuple(ids), number)
        numbers = list(first.values())
        some = [prompts[number] for number in numbers]
        states = self.decoder.read_prompts(some, [rows[number] for number in numbers], self._caches, self._rotaries)
        logits = self.decoder.logits(states)
        if len(numbers) < len(prompts):
            place = {number: place for place, number in enumerate(numbers)}
            source = [first[tuple(ids)] for ids in prompts]
            copies = [number for number in range(len(prompts)) if source[number] != number]
            longest = max(len(prompts[number]) for number in copies)
            self._copy([rows[source[number]] for number in copies], [rows[number] for number in copies], longest)
            logits = logits[torch.tensor([place[number] for number in source], device=self.device)]
        return logits

    def _copy(self, sources: Sequence[int], targets: Sequence[int], places: int) -> None:
        """Copy the first places of some rows over those of others."""
        source, target = (torch.tensor(rows, device=self.device) for rows in (sources, targets))
        for states in self._states(places):
            states[target] = states[source]

    def _states(self, places: int) -> list[torch.Tensor]:
        """Return all tensors of the caches, by row; of those with places the first ones."""
        pairs = zip(self.decoder.layers, self._caches, strict=True)
        return [_first(layer, states, places) for layer, cache in pairs for states in cache]

    def _stepped(self, rows: int) -> torch.Tensor:
        """Run a step of the first `rows` rows; return what `_run` does, overwritten by the next call."""
        if self.device.type == "cpu":
            return self._run(rows)
        if rows not in self._graphs:  # the first time compiles the kernels
            self._graphs[rows] = None
            return self._run(rows)
        found = self._graphs[rows]
        if found is None:
            found = self._graphs[rows] = self._capture(rows)
        graph, result = found
        graph.replay()
        return result

    def _capture(self, rows: int) -> tuple[torch.cuda.CUDAGraph, torch.Tensor]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            result = self._run(rows)
        self._pool = graph.pool()
        self.captured += 1
        return graph, result

    def _run(self, rows: int) -> torch.Tensor:
        """Append the tokens of the first rows; return the logits (rows, vocabulary)."""
        caches = [(keys[:rows], values[:rows]) for keys, values in self._caches]
        return self.decoder.step(self._tokens[:rows], self._lengths[:rows], caches, self._rotaries)


def _first(layer: DecoderLayer, states: torch.Tensor, places: int) -> torch.Tensor:
    """Return the first places of a layer's keys or values, by row; a state that has none as it is."""
    return states[:, :, :places] if layer.attention.by_place else states


def padded_rows(rows: int, device: torch.device) -> int:
    """Return how many rows a step computes for so many sequences: on a GPU the next power of two."""
    return rows if device.type == "cpu" else 1 << (rows - 1).bit_length()
