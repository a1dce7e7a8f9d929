"""A key/value cache whose rows come and go: each sequence has a slot, and batches change between steps."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer

from ..errors import YoyakError, first_line
from ..inference.batches import is_out_of_memory
from ..inference.probe import probe_rows
from ..models.causal_head import position_logits, without_wrapper
from ..models.probe import probed_once

_LENGTH_STEP = 256
"""Slots grow by this many positions at a time."""


class _SlotLayer(DynamicLayer):
    """Keys and values of one layer, (slots, heads, capacity, head size); positions beyond a row's length are unused."""

    is_initialized: bool
    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, slots: "Slots") -> None:
        super().__init__()
        self.slots = slots

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store the new keys and values of the rows at work; return what their queries may see."""
        slots = self.slots
        self._make_room(key_states)
        if slots.positions is None:  # prompts: they see themselves alone
            rows = slice(slots.first_row, slots.first_row + len(key_states))
            self.keys[rows, :, : key_states.shape[2]] = key_states
            self.values[rows, :, : key_states.shape[2]] = value_states
            return key_states, value_states
        self.keys[slots.rows, :, slots.positions] = key_states[:, :, 0]
        self.values[slots.rows, :, slots.positions] = value_states[:, :, 0]
        count, width = len(key_states), slots.width
        return self.keys[:count, :, :width], self.values[:count, :, :width]

    def _make_room(self, states: torch.Tensor) -> None:
        rows, length = self.slots.capacity
        if self.is_initialized and self.keys.shape[0] >= rows and self.keys.shape[2] >= length:
            return
        for name in ("keys", "values"):
            # Zeros, not whatever memory held: a masked NaN would still spoil the sum over values.
            grown = states.new_zeros(rows, states.shape[1], length, states.shape[3])
            if self.is_initialized:
                old = getattr(self, name)
                grown[: old.shape[0], :, : old.shape[2]] = old
            setattr(self, name, grown)
        self.is_initialized = True

    def move(self, source: int, target: int, length: int) -> None:
        """Copy a row's first `length` positions over another row."""
        for states in (self.keys, self.values):
            states[target, :, :length] = states[source, :, :length]

    def get_seq_length(self, *args: Any) -> int:
        """Return 0: a prompt starts at position 0, and a step is given its positions and mask."""
        return 0


class Slots:
    """A batch that sequences join and leave between steps; row i of all results is the i-th sequence in it.

    Rows start at position 0 of their slot and are padded at their right: prompts need no mask (causal attention keeps
    padding out), and a row that joins or leaves moves no other's keys.
    """

    def __init__(self, model: Any) -> None:
        base = without_wrapper(model)
        self._base, self._decoder = base, base.get_decoder()
        self._device = model.get_input_embeddings().weight.device
        self._layers = [_SlotLayer(self) for _ in range(base.config.num_hidden_layers)]
        self._cache = Cache(layers=self._layers)
        self.lengths: list[int] = []
        # What the layers need to know of the pass under way.
        self.capacity = (0, 0)
        self.first_row = 0
        self.rows: torch.Tensor | None = None
        self.positions: torch.Tensor | None = None
        self.width = 0

    def __len__(self) -> int:
        return len(self.lengths)

    def add(self, prompts: Sequence[list[int]]) -> torch.Tensor:
        """Add sequences at the end of the batch; return the logits after each, (prompts, vocabulary)."""
        lengths = torch.tensor([len(ids) for ids in prompts], device=self._device)
        width = int(lengths.max())
        input_ids = torch.tensor([ids + [0] * (width - len(ids)) for ids in prompts], device=self._device)
        self.first_row, self.positions = len(self), None
        self._reserve(len(self) + len(prompts), width)
        hidden = self._decoder(input_ids=input_ids, past_key_values=self._cache, use_cache=True)[0]
        self.lengths += [len(ids) for ids in prompts]
        last = hidden[torch.arange(len(prompts), device=self._device), lengths - 1]
        return position_logits(self._base, last)

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """Append one token to each sequence; return the logits after it, (sequences, vocabulary)."""
        self.positions = torch.tensor(self.lengths, device=self._device)
        self.rows = torch.arange(len(self), device=self._device)
        self.width = max(self.lengths) + 1
        self._reserve(len(self), self.width)
        visible = torch.arange(self.width, device=self._device) <= self.positions[:, None]
        hidden = self._decoder(
            input_ids=torch.tensor(tokens, device=self._device)[:, None],
            attention_mask=visible[:, None, None],
            position_ids=self.positions[:, None],
            past_key_values=self._cache,
            use_cache=True,
        )[0]
        self.lengths = [length + 1 for length in self.lengths]
        return position_logits(self._base, hidden[:, -1])

    def remove(self, row: int) -> None:
        """Free a sequence's slot; the last sequence takes its place (as `list[row] = list.pop()` does)."""
        last = len(self) - 1
        if row != last:
            for layer in self._layers:
                layer.move(last, row, self.lengths[last])
            self.lengths[row] = self.lengths[last]
        self.lengths.pop()

    def _reserve(self, rows: int, length: int) -> None:
        """Let the layers grow at their next update where they are too small."""
        has_rows, has_length = self.capacity
        if rows > has_rows:
            has_rows = max(rows, 2 * has_rows)
        if length > has_length:
            has_length = -(-length // _LENGTH_STEP) * _LENGTH_STEP
        self.capacity = (has_rows, has_length)


def refuse_wrong_slots(model: Any, most_tokens: int) -> None:
    """Raise YoyakError where a batch of slots doesn't give the model's own logits, in sequences of `most_tokens`."""
    instead = "summarize files with yoyak summarize, or serve with --engine vllm"
    window = _window(model.config.get_text_config())
    if window is not None and most_tokens > window:
        raise YoyakError(
            f"serve: layers of this model see {window} tokens at a time, and tokenizer.encoder_max_len + "
            f"tokenizer.decoder_max_len is {most_tokens}; lower these, {instead}"
        )
    try:
        found = probed_once(model, "serving", partial(probe_rows, model, "server's", partial(Slots, model)))[0]
    except Exception as error:  # of a cache or mask that a class doesn't take: whatever it raises
        if is_out_of_memory(error):
            raise
        raise YoyakError(f"serve: this model takes no batches that grow ({first_line(error)}); {instead}") from error
    if not found.agrees:
        raise YoyakError(f"serve: the probe: {found}; {instead}")


def _window(config: Any) -> int | None:
    """Return how many tokens the layers with the narrowest attention see, which no step's mask here keeps to."""
    windows = [getattr(config, "attention_chunk_size", None)]
    if getattr(config, "use_sliding_window", True) and "sliding_attention" in (
        getattr(config, "layer_types", None) or ["sliding_attention"]
    ):
        windows.append(getattr(config, "sliding_window", None))
    return min((window for window in windows if window), default=None)
