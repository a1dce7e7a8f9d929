"""Greedy decoding with a cache of fixed size: prompts packed without padding, one product for base and adapter, and on
a GPU the whole step as one CUDA graph.

`generate` of transformers pads the prompts, copies the cache at each token, computes rows that have ended, and launches
thousands of small operations a token, which bound it.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from peft import PeftModel

from ..data.bins import assign_to_bins
from ..kernels.few_rows import linear
from ..kernels.packed_attention import Rotary, Sequences
from ..kernels.rms_norm import rms_norm
from ..models.adapter_buffers import Refresh
from ..models.decoder_layer import SITES
from ..models.model_layers import decoder_layers, rotary_table

Cache: TypeAlias = tuple[torch.Tensor, torch.Tensor]

_PREFILL_TOKENS = {"cpu": 1024, "cuda": 16384}  # of a packed batch of prompts
_CHECK_EVERY = 8  # on a GPU, steps between two looks at which rows have ended
_KEPT_SHARE = 0.75  # on the CPU, ended rows leave the batch when no more than this share of them is left


class CachedDecoder:
    """Generates for a batch of prompts at a time; the model is one that `decoder_obstacle` has nothing against."""

    def __init__(self, model: Any) -> None:
        """Read the model's layers, and its adapter's values as they are now."""
        causal_lm = model.get_base_model() if isinstance(model, PeftModel) else model
        self.embeddings, self.head = causal_lm.model.embed_tokens.weight, causal_lm.lm_head.weight
        self.norm, self.rotary_embedding = causal_lm.model.norm, causal_lm.model.rotary_emb
        self.layers = decoder_layers(causal_lm)
        Refresh([linear for layer in self.layers for linear in layer.linears])(dropping=False)

    @torch.inference_mode()
    def greedy(
        self, prompts: Sequence[list[int]], max_new_tokens: int, end_id: int, on_step: Callable[[], None] | None = None
    ) -> list[list[int]]:
        """Return the new ids of each prompt, up to and with its end token or `max_new_tokens` of them.

        Args:
            prompts: token ids.
            max_new_tokens: at most so many for a prompt.
            end_id: the token that ends a summary.
            on_step: called after each token of the batch.
        """
        batch = _Batch(self, prompts, max_new_tokens, end_id)
        batch.prefill(prompts)
        for done in range(1, max_new_tokens):
            if batch.ended(done):
                break
            batch.step()
            if on_step is not None:
                on_step()
        return batch.results()

    def read_prompts(
        self, prompts: Sequence[list[int]], rows: Sequence[int], caches: Sequence[Cache], rotary: Rotary
    ) -> torch.Tensor:
        """Put the prompts' keys and values into rows of the caches, packed without padding.

        Args:
            prompts: token ids.
            rows: the row of the caches that each prompt takes.
            caches: of each layer, keys and values (rows, key heads, places, head width).
            rotary: cosines and sines of all places.

        Returns:
            (prompts, width), the last layer's output at each prompt's last token.
        """
        states: torch.Tensor = self.embeddings.new_empty(len(prompts), self.embeddings.shape[1])
        for some in assign_to_bins([len(ids) for ids in prompts], _PREFILL_TOKENS[self.embeddings.device.type]):
            states[some] = self._read(
                [prompts[index] for index in some], [rows[index] for index in some], caches, rotary
            )
        return states

    def _read(
        self, prompts: Sequence[list[int]], rows: Sequence[int], caches: Sequence[Cache], rotary: Rotary
    ) -> torch.Tensor:
        device = self.embeddings.device
        lengths = torch.tensor([len(ids) for ids in prompts])
        ends = lengths.cumsum(0)
        positions = torch.cat([torch.arange(len(ids)) for ids in prompts]).to(device)
        row_of_token = torch.repeat_interleave(torch.tensor(rows), lengths).to(device)
        sequences = Sequences([0, *ends.tolist()], positions, torch.repeat_interleave(ends, lengths).to(device))
        turned = rotary[0][positions], rotary[1][positions]
        hidden = self.embeddings[torch.tensor([token for ids in prompts for token in ids], device=device)]
        middle = None
        last = (ends - 1).to(device)
        for layer, (keys, values) in zip(self.layers, caches, strict=True):
            needed = last if layer is self.layers[-1] else None
            hidden, saved = layer.forward(hidden, middle, turned, sequences, (None,) * SITES, rows=needed)
            middle = saved.middle
            keys[row_of_token, :, positions], values[row_of_token, :, positions] = saved.attention.keys_and_values()
        assert middle is not None
        states: torch.Tensor = hidden.add_(middle)
        return states

    def step(self, ids: torch.Tensor, lengths: torch.Tensor, caches: Sequence[Cache], rotary: Rotary) -> torch.Tensor:
        """Append a token to each row; return the logits after it (rows, vocabulary).

        Args:
            ids: (rows,) the tokens.
            lengths: (rows,) tokens that each row holds already.
            caches: as in `read_prompts`.
            rotary: as in `read_prompts`.
        """
        hidden = self.embeddings[ids]
        turned = rotary[0][lengths], rotary[1][lengths]
        for layer, cache in zip(self.layers, caches, strict=True):
            hidden = layer.step(hidden, turned, cache, lengths)
        return self.logits(hidden)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the logits (rows, vocabulary) after the last layer's output (rows, width)."""
        states = torch.empty_like(hidden)
        rms_norm(hidden, self.norm.weight, self.norm.variance_epsilon, states)
        return linear(states, self.head)


class _Batch:
    """The cache of some rows and what they have got so far."""

    def __init__(self, decoder: CachedDecoder, prompts: Sequence[list[int]], max_new_tokens: int, end_id: int) -> None:
        self.decoder, self.end_id = decoder, end_id
        device, dtype = decoder.embeddings.device, decoder.embeddings.dtype
        places = max(map(len, prompts)) + max_new_tokens
        shape = decoder.layers[0].shape
        size = len(prompts), shape.key_heads, places, shape.width
        self.caches = [
            (torch.zeros(size, dtype=dtype, device=device), torch.zeros(size, dtype=dtype, device=device))
            for _ in decoder.layers
        ]
        self.rotary = rotary_table(decoder.rotary_embedding, decoder.embeddings, torch.arange(places, device=device))
        self.lengths = torch.tensor([len(ids) for ids in prompts], device=device)
        self.rows = torch.arange(len(prompts), device=device)  # the prompt of each row that is still in the batch
        self.ids = torch.zeros(len(prompts), dtype=torch.int64, device=device)
        self.new = torch.full((len(prompts), max_new_tokens), end_id, device=device)
        self.count = torch.zeros(1, dtype=torch.int64, device=device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.steps = 0

    def prefill(self, prompts: Sequence[list[int]]) -> None:
        """Fill the caches and take each prompt's first new token."""
        hidden = self.decoder.read_prompts(prompts, range(len(prompts)), self.caches, self.rotary)
        self._keep_ids(self.decoder.logits(hidden).argmax(dim=-1))

    def step(self) -> None:
        """Take one more token for each row."""
        self.steps += 1
        if self.lengths.is_cpu or self.steps == 1:  # the first one compiles the kernels
            self._step()
        elif self.graph is None:
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self._step()
            self.graph.replay()
        else:
            self.graph.replay()

    def _step(self) -> None:
        logits = self.decoder.step(self.ids, self.lengths, self.caches, self.rotary)
        self.lengths.add_(1)
        self._keep_ids(logits.argmax(dim=-1))

    def _keep_ids(self, ids: torch.Tensor) -> None:
        self.ids.copy_(ids)
        self.new.index_put_((self.rows, self.count.expand(len(self.rows))), self.ids)
        self.count.add_(1)

    def ended(self, done: int) -> bool:
        """Tell whether all rows have ended after `done` tokens; on the CPU, ended ones leave the batch."""
        if not self.lengths.is_cpu and done % _CHECK_EVERY:
            return False
        going = ~(self.new[self.rows, :done] == self.end_id).any(dim=1)
        left = int(going.sum())
        if left and self.lengths.is_cpu and left <= _KEPT_SHARE * len(going):
            self.rows, self.lengths, self.ids = self.rows[going], self.lengths[going], self.ids[going]
            self.caches = [(keys[going], values[going]) for keys, values in self.caches]
        return not left

    def results(self) -> list[list[int]]:
        """Return each prompt's new ids, cut after the end token."""
        rows = self.new[:, : int(self.count)].tolist()
        return [ids[: ids.index(self.end_id) + 1] if self.end_id in ids else ids for ids in rows]
